# Everything that is wrong with the workers' worker.yaml, each as `<file>: <key>: <what is wrong>; <the fix>`.
#
# The words are those of fanout_tools.declarations.worker. Only two things must be left to Python: near names of an unknown event, and
# the grammar of `where`. Values are kept as JSON, whose first letter tells their kind, because no two have one type.

locals {
  files = { for folder in keys(local.declared) : folder => "services/${folder}/worker.yaml" }

  # ---- What the form forbids: each mapping with the form it should have, each entry of one, each text of a list.

  roots = [
    for folder, given in local.declared : { folder = folder, path = "", form = "manifest", json = jsonencode(given) }
  ]
  root_entries = flatten([
    for root in local.roots : [
      for key, value in jsondecode(root.json) :
      { folder = root.folder, path = key, form = root.form, key = key, json = jsonencode(value) }
    ] if startswith(root.json, "{")
  ])
  sections = concat(
    local.roots,
    [
      for entry in local.root_entries : { folder = entry.folder, path = entry.path, form = entry.key, json = entry.json }
      if try(local.form.manifest[entry.key].kind, "") == "section"
    ],
    flatten([
      for entry in local.root_entries : [
        for index, value in jsondecode(entry.json) : {
          folder = entry.folder
          path   = "${entry.path}.${index}"
          form   = local.form.manifest[entry.key].each
          json   = jsonencode(value)
        }
      ] if can(local.form.manifest[entry.key].each) && startswith(entry.json, try(local.form.manifest[entry.key].kind, "") == "list" ? "[" : "{")
    ]),
  )
  entries = flatten([
    for section in local.sections : [
      for key, value in jsondecode(section.json) : {
        folder = section.folder
        path   = trimprefix("${section.path}.${key}", ".")
        form   = section.form
        key    = key
        json   = jsonencode(value)
      }
    ] if startswith(section.json, "{")
  ])
  items = flatten([
    for entry in local.entries : [
      for index, value in jsondecode(entry.json) :
      { folder = entry.folder, path = "${entry.path}.${index}", form = entry.form, key = entry.key, json = jsonencode(value) }
    ] if can(local.form[entry.form][entry.key].items) && startswith(entry.json, try(local.form[entry.form][entry.key].kind, "") == "list" ? "[" : "{")
  ])

  # Every value with the rule it must keep.
  ruled = concat(
    [
      for entry in local.entries : merge(entry, { rule = jsonencode(local.form[entry.form][entry.key]) })
      if can(local.form[entry.form][entry.key]) && try(local.form[entry.form][entry.key].kind, "") != "section"
    ],
    [for item in local.items : merge(item, { rule = jsonencode(local.form[item.form][item.key].items) })],
  )
  broken = [
    for value in local.ruled : value if !anytrue([
      for rule in [jsondecode(value.rule)] : (
        value.json == "null" ? try(rule.default == null, false)
        : rule.kind == "whole" ? try(tonumber(value.json) == floor(tonumber(value.json)) && tonumber(value.json) >= rule.least && tonumber(value.json) <= rule.most, false)
        : rule.kind == "flag" ? contains(["true", "false"], value.json)
        : rule.kind == "choice" ? contains([for choice in rule.choices : jsonencode(choice)], value.json)
        : rule.kind == "list" ? startswith(value.json, "[") && !(value.json == "[]" && can(rule.least))
        : rule.kind == "mapping" ? startswith(value.json, "{")
        : startswith(value.json, "\"") && value.json != "\"\"" && try(length(jsondecode(value.json)) <= rule.most, true) && can(regex(try(rule.pattern, "."), jsondecode(value.json)))
      )
    ])
  ]
  wanted = {
    for rule in distinct([for value in local.broken : value.rule]) : rule => one([
      for it in [jsondecode(rule)] : (
        it.kind == "whole" ? "must be a whole number from ${it.least} to ${it.most}"
        : it.kind == "flag" ? "must be true or false"
        : it.kind == "choice" ? "must be one of ${join(", ", [for choice in it.choices : choice if choice != false])}"
        : it.kind == "list" ? "must be a list${can(it.least) ? " with at least one entry" : ""}"
        : it.kind == "mapping" ? "must be a mapping"
        : can(it.pattern) ? "must match ${it.pattern}"
        : can(it.most) ? "must be a text of 1 to ${it.most} characters"
        : "must be a text"
      )
    ])
  }

  form_problems = concat(
    [
      for section in local.sections : {
        folder = section.folder
        text   = "${section.path == "" ? "the file" : section.path}: ${section.json}: must be a mapping"
      } if !startswith(section.json, "{") && local.is_yaml[section.folder]
    ],
    flatten([
      for section in local.sections : [
        for key, rule in local.form[section.form] :
        { folder = section.folder, text = "${trimprefix("${section.path}.${key}", ".")}: missing; add it" }
        if !can(rule.default) && !can(jsondecode(section.json)[key])
      ] if startswith(section.json, "{")
    ]),
    [
      for entry in local.entries :
      { folder = entry.folder, text = "${entry.path}: unknown key; write one of ${join(", ", keys(local.form[entry.form]))}" }
      if !can(local.form[entry.form][entry.key])
    ],
    [for value in local.broken : { folder = value.folder, text = "${value.path}: ${value.json}: ${local.wanted[value.rule]}" }],
    flatten([
      for entry in local.root_entries : [
        for name in keys(jsondecode(entry.json)) :
        { folder = entry.folder, text = "${entry.path}.${name}: ${jsonencode(name)}: must match ${local.resource_name}" }
        if !can(regex(local.resource_name, name))
      ] if contains(["tables", "buckets", "parameters", "scaling_schedule", "secrets"], entry.key) && startswith(entry.json, "{")
    ]),
    flatten([
      for entry in local.entries : [
        for name in keys(jsondecode(entry.json)) :
        { folder = entry.folder, text = "${entry.path}.${name}: ${jsonencode(name)}: must match ${local.names[entry.key]}" }
        if !can(regex(local.names[entry.key], name))
      ] if contains(["manifest environment", "table indexes"], "${entry.form} ${entry.key}") && startswith(entry.json, "{")
    ]),
  )

  # A file with nothing but comments is YAML to Python and none to Terraform.
  is_yaml = {
    for folder, text in local.texts : folder => can(yamldecode(text)) || trimspace(replace(text, "/(?m)#.*$/", "")) == ""
  }

  # ---- What the keys forbid together, asked of the files that keep the form.

  sound = {
    for folder, worker in local.filled : folder => worker
    if local.is_yaml[folder] && !contains(local.form_problems[*].folder, folder)
  }
  rule_problems = flatten([
    for folder, worker in local.sound : [
      for rule in concat(
        local.key_rules[folder], local.scaling_rules[folder], local.store_rules[folder], local.subscription_rules[folder], local.event_rules[folder],
      ) :
      { folder = folder, text = rule.text } if rule.broken
    ]
  ])

  key_rules = {
    for folder, worker in local.sound : folder => [
      {
        broken = worker.queue.fifo && worker.batch.size > 10
        text   = "batch.size: ${worker.batch.size}: a FIFO queue delivers at most 10 records a batch; write 10 or less"
      },
      {
        broken = !worker.queue.fifo && worker.batch.size > 10 && worker.batch.window_s < 1
        text   = "batch.window_s: ${worker.batch.window_s}: a batch.size over 10 needs a window; write 1 or more"
      },
      {
        broken = try(worker.batch.record_timeout_s > worker.function.timeout_s, false)
        text = try(join(" ", [
          "batch.record_timeout_s: ${worker.batch.record_timeout_s}: is over function.timeout_s",
          "${worker.function.timeout_s}; write ${worker.function.timeout_s} or less",
        ]), "")
      },
      {
        broken = worker.queue.fifo && worker.batch.window_s > 0
        text   = "batch.window_s: ${worker.batch.window_s}: a FIFO queue has no batch window; write 0"
      },
      {
        broken = local.visibility[folder] < local.least_visibility[folder]
        text = join(" ", [
          "queue.visibility_s: ${local.visibility[folder]}: must be at least 6 x function.timeout_s + batch.window_s",
          "= ${local.least_visibility[folder]}; write ${local.least_visibility[folder]} or more, or leave it out",
        ])
      },
      {
        broken = worker.queue.fifo && worker.via != "bus"
        text   = "via: ${worker.via}: a standard SNS topic cannot deliver to a FIFO queue; write bus"
      },
      {
        broken = worker.slo.age_s >= worker.queue.retention_days * 86400
        text = join(" ", [
          "slo.age_s: ${worker.slo.age_s}: is not under queue.retention_days ${worker.queue.retention_days},",
          "so that events would be lost before the alarm; write less than ${worker.queue.retention_days * 86400}",
        ])
      },
      {
        broken = try(worker.idempotency.mode != "off" && worker.idempotency.ttl_hours < 24 * (worker.queue.retention_days + 14), false)
        text = try(join(" ", [
          "idempotency.ttl_hours: ${worker.idempotency.ttl_hours}: is under queue.retention_days",
          "${worker.queue.retention_days} + 14 days of the DLQ, so that an event that comes back would be handled again;",
          "write ${24 * (worker.queue.retention_days + 14)} or more, or leave it out",
        ]), "")
      },
      {
        broken = worker.idempotency.mode != "off" && local.backstop[folder] < 2 * worker.queue.max_receives + 1
        text = join(" ", [
          "queue.max_receives: ${worker.queue.max_receives}: in 3/4 of queue.retention_days",
          "${worker.queue.retention_days} a message comes back ${local.backstop[folder]} times at most, and tries need",
          "2 x ${worker.queue.max_receives} + 1; write less, raise queue.retention_days, or lower the time-outs",
        ])
      },
      {
        broken = worker.idempotency.mode == "off" && worker.queue.max_receives > local.receives_in_time[folder]
        text = join(" ", [
          "queue.max_receives: ${worker.queue.max_receives}: in 3/4 of queue.retention_days",
          "${worker.queue.retention_days} a message comes back ${local.receives_in_time[folder]} times at most, and would",
          "be deleted before it is in the DLQ; write ${local.receives_in_time[folder]} or less, raise",
          "queue.retention_days, or lower the time-outs",
        ])
      },
      {
        broken = worker.idempotency.mode == "off" && try(length(worker.idempotency.key) > 0, false)
        text   = "idempotency.key: tells events apart in the store, of which mode: off has none; leave it out"
      },
      {
        broken = worker.queue.fifo && worker.gathers
        text   = "gathers: true: a FIFO queue cannot delay the message of a deadline; write queue.fifo: false"
      },
      {
        broken = worker.retry.cap_s < worker.retry.base_s
        text   = "retry.cap_s: ${worker.retry.cap_s}: is under retry.base_s ${worker.retry.base_s}; raise it"
      },
      {
        broken = try(worker.batch.max_concurrency > worker.function.reserved_concurrency, false)
        text = try(join(" ", [
          "batch.max_concurrency: ${worker.batch.max_concurrency}: is over function.reserved_concurrency",
          "${worker.function.reserved_concurrency}, so that throttled batches would end in the DLQ;",
          "write ${worker.function.reserved_concurrency} or less",
        ]), "")
      },
      {
        broken = try(worker.function.provisioned_concurrency > worker.function.reserved_concurrency, false)
        text = try(join(" ", [
          "function.provisioned_concurrency: ${worker.function.provisioned_concurrency}: is over",
          "function.reserved_concurrency ${worker.function.reserved_concurrency};",
          "write ${worker.function.reserved_concurrency} or less",
        ]), "")
      },
      {
        broken = worker.outbox && length(worker.publishes) == 0
        text   = "outbox: true: the relay has to know the ways of its events; name them under publishes"
      },
    ]
  }

  # What a worker scales to: key => the most provisioned concurrency.
  scaled = {
    for folder, worker in local.sound : folder => merge(
      worker.scaling.max == null ? {} : { "scaling.max" = worker.scaling.max },
      { for name, it in worker.scaling_schedule : "scaling_schedule.${name}.max" => it.max },
    )
  }
  scaling_rules = {
    for folder, worker in local.sound : folder => concat(
      [
        for key, value in local.scaled[folder] : {
          broken = worker.function.provisioned_concurrency < 1
          text = join(" ", [
            "${key}: ${value}: scales function.provisioned_concurrency, which is 0;",
            "write function.provisioned_concurrency: 1 or more",
          ])
        }
      ],
      [
        for key, value in local.scaled[folder] : {
          broken = try(value > worker.function.reserved_concurrency, false)
          text = try(join(" ", [
            "${key}: ${value}: is over function.reserved_concurrency ${worker.function.reserved_concurrency};",
            "write ${worker.function.reserved_concurrency} or less",
          ]), "")
        }
      ],
      [{
        broken = try(worker.scaling.max < worker.function.provisioned_concurrency, false)
        text = try(join(" ", [
          "scaling.max: ${worker.scaling.max}: is under function.provisioned_concurrency",
          "${worker.function.provisioned_concurrency}; write ${worker.function.provisioned_concurrency} or more",
        ]), "")
      }],
      [
        for name, it in worker.scaling_schedule : {
          broken = it.max < it.min
          text   = "scaling_schedule.${name}.max: ${it.max}: is under min ${it.min}; write ${it.min} or more"
        }
      ],
    )
  }

  store_rules = {
    for folder, worker in local.sound : folder => concat(
      [
        for name in ["gather", "idempotency", "operations", "outbox"] : {
          broken = contains(keys(worker.tables), name)
          text   = "tables.${name}: is the name of a table of the platform's own; rename it"
        }
      ],
      [
        for name in keys(worker.tables) : {
          broken = endswith(name, "-idempotency") || endswith(name, "-gather")
          text   = "tables.${name}: ends as a table of the platform's own; rename it"
        }
      ],
      [
        for name in ["claims", "packages"] : {
          broken = contains(keys(worker.buckets), name)
          text   = "buckets.${name}: is the name of a bucket of the platform's own; rename it"
        }
      ],
      # https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-parameter-name-constraints.html
      [
        for name, at in worker.parameters : {
          broken = startswith(lower(at), "/aws") || startswith(lower(at), "/ssm")
          text   = "parameters.${name}: ${at}: begins as names of AWS's own do; rename it"
        }
      ],
      # https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
      [
        for name in keys(worker.environment) : {
          broken = can(regex("^(AWS|BUCKET|FANOUT|LAMBDA|PARAMETER|POWERTOOLS|SECRET|TABLE)_", name))
          text   = "environment.${name}: begins as names of AWS's or the platform's own do; rename it"
        }
      ],
    )
  }

  subscription_rules = {
    for folder, worker in local.sound : folder => concat(
      [
        for index, event in worker.subscribes[*].event : {
          broken = index(worker.subscribes[*].event, event) < index
          text   = "subscribes.${index}.event: ${event}: is subscribed twice; keep one and join the conditions with $or"
        }
      ],
      [
        for index, event in worker.subscribes[*].event : {
          broken = event == "*" && worker.via != "bus"
          text   = "subscribes.${index}.event: *: every event can only be had from the bus; write via: bus"
        }
      ],
      [{
        broken = contains(worker.subscribes[*].event, "*") && length(distinct(worker.subscribes[*].event)) > 1
        text   = "subscribes: * takes every event already; remove the others"
      }],
    )
  }

  events = toset([
    for file in fileset(var.contracts_dir, "*/*.v*.json") : replace(file, "/\\.v[0-9]+\\.json$/", "")
  ])
  event_rules = {
    for folder, worker in local.sound : folder => [
      for key, event in merge(
        { for index, event in worker.subscribes[*].event : "subscribes.${index}.event" => event if event != "*" },
        { for index, event in worker.publishes : "publishes.${index}" => event },
        ) : {
        broken = !contains(local.events, event)
        text   = "${key}: ${event}: no such event; declare it in the contracts or correct the name"
      }
    ]
  }

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
        if contains(["canary", "outbox", "traces", "undelivered", "unmatched"], name) || endswith(name, "-dlq") || endswith(name, "-undelivered")
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
  together  = { for folder, worker in local.filled : folder => worker if local.each_good }

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

  problems = sort(concat(
    [for folder, is_yaml in local.is_yaml : "${local.files[folder]}: not YAML; fix its syntax" if !is_yaml],
    [
      for problem in concat(
        local.form_problems, local.rule_problems, local.name_problems, local.ownership_problems, local.permission_problems,
        local.unfed_problems, local.source_problems, local.gatherer_problems,
      ) :
      # jsonencode writes <, > and & as HTML would have them.
      replace(replace(replace("${local.files[problem.folder]}: ${problem.text}", "\\u003c", "<"), "\\u003e", ">"), "\\u0026", "&")
    ],
  ))
}

resource "terraform_data" "manifests" {
  lifecycle {
    precondition {
      condition     = length(local.problems) == 0
      error_message = "Fix ${length(local.problems) == 1 ? "this" : "these"} and plan again:\n\n${join("\n", formatlist("  %s", local.problems))}"
    }
  }
}
