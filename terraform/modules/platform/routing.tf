# From the workers' subscriptions to the patterns that AWS routes by; shared/fanout_tools/declarations/routing.py says the same.
# A pattern is JSON text from where it is made, as no two have one type.

locals {
  # Worker => its subscriptions, each with its parts of a pattern.
  selections = {
    for name, worker in local.workers : name => [
      for item in worker.subscribes : {
        event  = item.event
        source = split("/", item.event)[0]
        detail = try(split("/", item.event)[1], "*")
        where = (
          length(item.where) == 0 ? jsonencode({})
          # An AWS service's own events carry no envelope: their data is the detail itself.
          : startswith(item.event, "aws.") ? jsonencode({ detail = item.where })
          : jsonencode({ detail = { data = item.where } })
        )
      }
    ]
  }

  # Worker => event => EventBridge pattern, for workers straight on the bus. With the source comes that of its canaries,
  # which take the same way (see fanout.events.canary); no workflow and nothing else on the bus asks for those.
  rules = {
    for name, selections in local.selections : name => {
      for item in selections : item.event => jsonencode(merge(
        # Every event that EventBridge delivers carries version 0; a pattern may not be empty.
        item.event == "*" ? { version = ["0"] } : null,
        item.event == "*" ? null : { source = [item.source, "canary.${item.source}"], detail-type = [item.detail] },
        jsondecode(item.where),
        !contains(keys(local.narrowed), item.source) ? null : {
          detail = merge(try(jsondecode(item.where).detail, {}), { bucket = merge({ name = local.event_buckets }, try(jsondecode(item.where).detail.bucket, {})) })
        },
      ))
    } if local.workers[name].via == "bus"
  }

  # Worker => source => its subscriptions, for workers behind topics.
  domains = {
    for name, selections in local.selections : name => { for item in selections : item.source => item... }
    if local.workers[name].via == "topic"
  }

  # Worker => source => SNS filter policy: a topic and a queue have one subscription, so that several events of
  # one domain share a policy.
  filters = {
    for name, domains in local.domains : name => {
      for source, items in domains : source => (
        alltrue([for item in items : item.where == "{}"]) ? jsonencode({ detail-type = items[*].detail })
        : length(items) == 1 ? jsonencode(merge({ detail-type = items[*].detail }, jsondecode(items[0].where)))
        : jsonencode({ "$or" = [for item in items : merge({ detail-type = [item.detail] }, jsondecode(item.where))] })
      )
    }
  }

  # Source => the names of what some worker subscribes to; one that takes every event does not count.
  subscribed = { for item in flatten(values(local.selections)) : item.source => item.detail... if item.event != "*" }

  # The same with what starts a workflow.
  taken = {
    for event in distinct(concat(
      [for item in flatten(values(local.selections)) : item.event if item.event != "*"],
      [for workflow in local.workflows : workflow.event],
    )) : split("/", event)[0] => split("/", event)[1]...
  }

  # What does not count as unmatched.
  matched = {
    for source, names in local.taken : source => [for name in distinct(names) : name if !contains(var.held_events, "${source}/${name}")]
    if anytrue([for name in names : !contains(var.held_events, "${source}/${name}")])
  }

  # The sources whose events can be unmatched on a bus that others use too: AWS services' events there are everybody's.
  counted = [for source in sort(module.manifests.sources) : source if !startswith(source, "aws.")]

  # On the default bus itself there are the events of every bucket: the rules ask for those that would be brought over.
  narrowed = { for source in keys(local.taken) : source => jsonencode({ detail = { bucket = { name = local.event_buckets } } }) if local.bus_name == "default" && source == "aws.s3" }

  # The events of AWS services come over from the default bus; of S3, those of the buckets that say `events: true`.
  event_buckets = [for name, bucket in local.buckets : local.store_names.bucket[name] if bucket.events]
  forwarded = {
    for source, names in local.taken : source => jsonencode(merge(
      { source = [source], detail-type = distinct(names) },
      source == "aws.s3" ? { detail = { bucket = { name = local.event_buckets } } } : null,
    )) if startswith(source, "aws.") && local.bus_name != "default"
  }
}

# SNS refuses a subscription whose filter has too many combinations, after everything else has been made.
module "filters" {
  source = "../filters"

  policies = merge([for name, sources in local.filters : { for source, policy in sources : "${name} ${source}" => policy }]...)
}

locals {
  too_many_combinations = [
    for key, number in module.filters.combinations :
    "services/${local.workers[split(" ", key)[0]].folder}/worker.yaml: subscribes: ${split(" ", key)[1]}: its filter has ${number} combinations; SNS takes ${local.most_combinations}: write fewer values into where, or via: bus"
    if number > local.most_combinations
  ]
  most_combinations = 150
}

resource "terraform_data" "filters" {
  lifecycle {
    precondition {
      condition     = length(local.too_many_combinations) == 0
      error_message = join("\n", local.too_many_combinations)
    }
  }
}
