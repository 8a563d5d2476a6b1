# The workflows: services/*/workflow.yaml says what starts one and which workers it invokes, workflow.asl.json beside it
# is its definition in Amazon States Language, with ${worker} for the worker's function (- written _), ${partition} and
# ${timeout_s}.

locals {
  workflow_keys  = ["description", "event", "owner", "timeout_s", "where", "workers"]
  workflow_files = { for file in local.worker_alone == null ? fileset(var.services_dir, "*/workflow.yaml") : [] : dirname(file) => try({ for key, value in yamldecode(file("${var.services_dir}/${file}")) : key => value }, null) }
  known_events   = [for file in fileset(var.contracts_dir, "*/*.v*.json") : replace(file, "/\\.v[0-9]+\\.json$/", "")]

  workflow_problems = sort(flatten([
    for folder, given in local.workflow_files : [
      for rule in given == null ? [{ broken = true, text = "not a mapping in YAML; fix its syntax" }] : concat(
        [
          for key in keys(given) :
          { broken = !contains(local.workflow_keys, key), text = "${key}: unknown key; write one of ${join(", ", local.workflow_keys)}" }
        ],
        [
          for key in ["description", "event", "timeout_s", "workers"] :
          { broken = !can(given[key]), text = "${key}: missing; add it" }
        ],
        [
          {
            broken = can(given.event) && !contains(local.known_events, try(given.event, ""))
            text   = "event: ${try(tostring(given.event), "?")}: no such event; declare it in the contracts or correct the name"
          },
          {
            broken = can(given.timeout_s) && !try(given.timeout_s >= 1 && given.timeout_s <= 31536000 && floor(given.timeout_s) == given.timeout_s, false)
            text   = "timeout_s: must be a whole number from 1 to 31536000"
          },
          {
            broken = can(given.workers) && try(length(given.workers) == 0 || !can([for worker in given.workers : tostring(worker)]), true)
            text   = "workers: must be a list with at least one entry"
          },
          {
            broken = !fileexists("${var.services_dir}/${folder}/workflow.asl.json")
            text   = "has no workflow.asl.json beside it; write the definition"
          },
          {
            broken = fileexists("${var.services_dir}/${folder}/worker.yaml")
            text   = "its folder is a worker's; give the workflow one of its own"
          },
          {
            broken = contains([for source in keys(local.subscribed) : replace(source, ".", "-")], replace(folder, "_", "-"))
            text   = "name: ${folder}: is the name of a domain's queue; rename the folder"
          },
        ],
        [
          # Of bad workers there are none, and that is told already.
          for worker in try(tolist(given.workers), []) :
          { broken = length(local.workers) > 0 && !contains(keys(local.workers), worker), text = "workers: ${worker}: no such worker; correct the name" }
        ],
      ) :
      "services/${folder}/workflow.yaml: ${rule.text}" if rule.broken
    ]
  ]))

  workflows = {
    for folder, given in local.workflow_files : replace(folder, "_", "-") => {
      folder = folder
      event  = given.event
      where = ( # as of a worker's subscription: see routing.tf
        length(try(given.where, {})) == 0 ? jsonencode({})
        : startswith(given.event, "aws.") ? jsonencode({ detail = given.where })
        : jsonencode({ detail = { data = given.where } })
      )
      functions = { for worker in given.workers : replace(worker, "-", "_") => "${local.function_arn}-${worker}:live" }
      timeout_s = given.timeout_s
    } if length(local.workflow_problems) == 0 && length(local.workers) > 0
  }
  workflow_patterns = {
    for name, it in local.workflows : name => jsonencode(merge(
      { source = [split("/", it.event)[0]], detail-type = [split("/", it.event)[1]] },
      jsondecode(it.where),
      !startswith(it.event, "aws.s3/") || length(local.narrowed) == 0 ? null : {
        detail = merge({ bucket = { name = local.event_buckets } }, try(jsondecode(it.where).detail, {}))
      },
    ))
  }
}

resource "terraform_data" "workflows" {
  lifecycle {
    precondition {
      condition     = length(local.workflow_problems) == 0
      error_message = "Fix ${length(local.workflow_problems) == 1 ? "this" : "these"} and plan again:\n\n${join("\n", formatlist("  %s", local.workflow_problems))}"
    }
  }
}

module "workflow" {
  source   = "../workflow"
  for_each = { for name, it in local.workflows : name => it if local.has.edge }

  deployment = local.deployment
  protect    = var.protect
  security   = local.security
  name       = each.key
  functions  = values(each.value.functions)
  definition = templatefile(
    "${var.services_dir}/${each.value.folder}/workflow.asl.json",
    merge(each.value.functions, { partition = local.deployment.partition, timeout_s = each.value.timeout_s }),
  )
  bus_name           = local.bus.name
  pattern            = local.workflow_patterns[each.key]
  tracing            = var.workflow_tracing
  log_retention_days = var.log_retention_days
}
