# What the folders' names forbid, and what the files of all workers forbid together.

locals {
  # ---- What the folders' names forbid.

  # Name => its folders.
  folders = { for folder in keys(local.declared) : replace(folder, "_", "-") => folder... }

  name_problems = flatten([
    for name, folders in local.folders : concat(
      [
        for folder in folders :
        { folder = folder, text = "name: ${name}: must be 1 to 36 of a-z, 0-9 and _, a letter first; rename the folder" }
        if !can(regex("^[a-z][a-z0-9-]{0,35}$", name))
      ],
      [
        for folder in folders :
        { folder = folder, text = "name: ${name}: is a name of the platform's own; rename the folder" }
        if contains(["canary", "console", "default", "edge", "outbox", "platform", "traces", "undelivered", "unmatched"], name) || endswith(name, "-dlq") || endswith(name, "-undelivered")
      ],
      [
        for folder in folders :
        { folder = folder, text = "name: ${name}: begins as a name of an operation's; rename the folder" }
        if can(regex("^(replay|tail|tune)-", name)) # what the sweeper of operations may delete
      ],
      [
        for index, folder in folders :
        { folder = folder, text = "name: ${name}: is also the name of services/${folders[index - 1]}; rename one of the folders" }
        if index > 0
      ],
    )
  ])

  # ---- What the files forbid together, asked when nothing is wrong with any: a table might else seem undeclared only
  # because its owner's file is bad.

  each_good = alltrue(values(local.is_yaml)) && length(concat(local.form_problems, local.rule_problems, local.name_problems)) == 0
  together  = { for folder, worker in local.filled : folder => worker if local.each_good && var.only == null }

  stores = flatten([
    for folder, worker in local.together : concat(
      [for name in keys(worker.tables) : { kind = "table", name = name, folder = folder, owner = worker.name }],
      [for name in keys(worker.buckets) : { kind = "bucket", name = name, folder = folder, owner = worker.name }],
    )
  ])
  # Kind:name => its owners in the order of their names, each with its folder.
  owners = { for store in local.stores : "${store.kind}:${store.name}" => "${store.owner} ${store.folder}"... }
  ownership_problems = flatten([
    for store, owners in local.owners : [
      for index, owner in sort(owners) : {
        folder = split(" ", owner)[1]
        text = join(" ", [
          "${replace(store, ":", "s.")}: is also declared by ${split(" ", sort(owners)[0])[0]};",
          "declare it once and permit the other worker to it",
        ])
      } if index > 0
    ]
  ])
  permission_problems = flatten([
    for folder, worker in local.together : [
      for index, permission in worker.permissions : [
        for resource in permission.resources : {
          folder = folder
          text = join(" ", [
            "permissions.${index}.resources: ${resource}: no worker declares it;",
            "add it under ${split(":", resource)[0]}s of the worker that owns it",
          ])
        } if can(regex("^(table|bucket):", resource)) && !contains(keys(local.owners), split("/", resource)[0])
      ]
    ]
  ])

  # Subscriptions to events of S3 when no bucket gives any: they would be silent for ever.
  feeding = anytrue(flatten([for folder, worker in local.together : [for bucket in worker.buckets : bucket.events]]))
  unfed_problems = flatten([
    for folder, worker in local.together : [
      for index, event in worker.subscribes[*].event : {
        folder = folder
        text = join(" ", [
          "subscribes.${index}.event: ${event}: no bucket declares events: true;",
          "add it to the bucket whose objects are meant",
        ])
      } if startswith(event, "aws.s3/")
    ] if !local.feeding
  ])

  # Topic and rules of a source have its name with - for every dot, which two sources may come to share.
  sources = sort(distinct(flatten([
    for worker in local.together : [for event in worker.subscribes[*].event : split("/", event)[0]]
  ])))
  first_sources = { for source in local.sources : replace(source, ".", "-") => source... }
  source_problems = flatten([
    for folder, worker in local.together : [
      for index, event in worker.subscribes[*].event : [
        for first in [local.first_sources[replace(split("/", event)[0], ".", "-")][0]] : {
          folder = folder
          text = join(" ", [
            "subscribes.${index}.event: ${event}: the topic of ${split("/", event)[0]} would have the name",
            "of ${first}'s; rename one of the sources",
          ])
        } if first != split("/", event)[0]
      ]
    ]
  ])

  gathering = [for worker in local.together : worker.name if worker.gathers]
  gatherer_problems = flatten([
    for folder, worker in local.together : [
      for index, name in worker.parts_of :
      { folder = folder, text = "parts_of.${index}: ${name}: no such worker gathers; write gathers: true in its worker.yaml" }
      if !contains(local.gathering, name)
    ]
  ])
}
