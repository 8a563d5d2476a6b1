# The workers as their worker.yaml declare them, read and filled in: see form.tf for what a file may say, problems.tf
# for what is wrong with one. No provider is needed.

locals {
  texts = {
    for file in fileset(var.services_dir, "*/worker.yaml") : dirname(file) => file("${var.services_dir}/${file}")
    if var.only == null ? true : replace(dirname(file), "_", "-") == var.only
  }

  # Folder => what its file says; null where that is nothing or no YAML.
  declared = { for folder, text in local.texts : folder => try(yamldecode(text), null) }

  # A bare off is false in YAML 1.1.
  off = { for folder, given in local.declared : folder => try(given.idempotency.mode == false, false) ? { mode = "off" } : null }

  # Folder => its worker with every default. A bad file must get as far as local.problems: nothing may fail on one here.
  filled = {
    for folder, given in local.declared : folder => {
      name        = replace(folder, "_", "-")
      folder      = folder
      description = try(given.description, "")
      owner       = try(given.owner, null)
      subscribes  = try([for item in given.subscribes : merge(local.defaults.subscription, item)], [])
      publishes   = try(given.publishes, [])
      via         = try(given.via, local.defaults.manifest.via)
      function    = try(merge(local.defaults.function, given.function), local.defaults.function)
      batch       = try(merge(local.defaults.batch, given.batch), local.defaults.batch)
      queue       = try(merge(local.defaults.queue, given.queue), local.defaults.queue)
      retry       = try(merge(local.defaults.retry, given.retry), local.defaults.retry)
      idempotency = try(merge(local.defaults.idempotency, given.idempotency, local.off[folder]), local.defaults.idempotency)
      slo         = try(merge(local.defaults.slo, given.slo), local.defaults.slo)
      scaling     = try(merge(local.defaults.scaling, given.scaling), local.defaults.scaling)
      logs        = try(merge(local.defaults.logs, given.logs), local.defaults.logs)
      outbox      = try(given.outbox, local.defaults.manifest.outbox)
      permissions = try([for item in given.permissions : { actions = item.actions, resources = item.resources }], [])
      tables      = try({ for name, table in given.tables : name => merge(local.defaults.table, table) }, {})
      buckets     = try({ for name, bucket in given.buckets : name => merge(local.defaults.bucket, bucket) }, {})
      parameters  = try({ for name, at in given.parameters : name => at }, {})
      secrets     = try({ for name, at in given.secrets : name => at }, {})
      environment = try({ for name, value in given.environment : name => value }, {})
      gathers     = try(given.gathers, local.defaults.manifest.gathers)
      powertools  = try(given.powertools, local.defaults.manifest.powertools)
      parts_of    = try([for name in given.parts_of : name], [])

      scaling_schedule = try({ for name, it in given.scaling_schedule : name => merge(local.defaults.scheduled_scaling, it) }, {})
    }
  }

  # AWS's advice for a queue before Lambda, six time-outs, and the batch window:
  # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
  least_visibility = {
    for folder, worker in local.filled : folder => try(6 * worker.function.timeout_s + worker.batch.window_s, 0)
  }
  visibility = {
    for folder, worker in local.filled : folder => try(coalesce(worker.queue.visibility_s, local.least_visibility[folder]), 0)
  }

  # The queue's maxReceiveCount. Tries are counted by the idempotency store; this is for a function that cannot run at
  # all, whose messages come back each visibility timeout and have to be in the DLQ well before the retention ends. At
  # most 1,000: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
  receives_in_time = {
    for folder, worker in local.filled : folder => try(
      min(1000, floor(floor(worker.queue.retention_days * 86400 * 3 / 4) / max(1, local.visibility[folder]))), 0
    )
  }
  backstop = {
    for folder, worker in local.filled : folder =>
    try(worker.idempotency.mode == "off" ? worker.queue.max_receives : local.receives_in_time[folder], 0)
  }

  # Name => worker. Nothing is planned from bad files: what is wrong with them must be all that is said.
  workers = {
    for folder, worker in local.filled : worker.name => merge(worker, {
      queue = merge(worker.queue, { visibility_s = local.visibility[folder], backstop = local.backstop[folder] })
    }) if length(local.problems) == 0
  }
}
