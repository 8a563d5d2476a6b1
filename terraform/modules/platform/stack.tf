# Which part of the deployment stands in this state. With `stack = null` it is the whole; else one of its stacks, each with a
# state and a lock of its own:
#
#   platform   bus, topics, key, buckets, outbox, journal, alarm topic, shared dashboards: what workers stand on
#   NAME       the worker of that name: queue, function, routes, tables, alarms
#   edge       what leads to the workers: rules of unmatched events, workflows, web functions, schedules, canaries
#
# What is new is applied in this order, so that no event is routed to a queue that is not there, or taken from "unmatched"
# before a worker has it; what goes, in the opposite one. No stack reads another's state: names and ARNs are computed. AWS
# alone numbers two things, the platform's key and a layer's version, which are looked up by name.

locals {
  has = {
    platform = contains(["platform"], coalesce(var.stack, "platform"))
    edge     = contains(["edge"], coalesce(var.stack, "edge"))
    workers  = !contains(["platform", "edge"], coalesce(var.stack, "every worker"))
  }
  has_key       = var.customer_managed_key || var.kms_key_arn != null
  bus_elsewhere = var.event_bus_name != ""
  bus_name      = local.bus_elsewhere ? var.event_bus_name : var.namespace
  worker_alone  = var.stack != null && local.has.workers ? var.stack : null

  # The workers that stand here; local.workers are all that are declared, or the one.
  own = { for name, worker in local.workers : name => worker if local.has.workers }

  # An existing key, to which the platform's stack has given the alias.
  key_elsewhere = var.kms_key_arn == null || local.has.platform ? [] : [{ alias = "alias/${var.namespace}", arn = var.kms_key_arn }]

  # What alarms and dashboards of this stack show.
  shown = {
    workers      = local.has.platform || local.has.workers ? keys(local.workers) : []
    sources      = local.has.platform ? local.topic_sources : []
    outboxes     = local.has.platform && length(local.outbox_workers) > 0 ? ["outbox"] : []
    workflows    = local.has.platform ? keys(local.workflows) : []
    destinations = local.has.platform ? keys(local.destinations) : []
    pipes        = local.has.platform ? keys(local.queues) : []
  }

  location        = "${local.deployment.region}:${local.deployment.account_id}"
  sqs             = "arn:${local.deployment.partition}:sqs:${local.location}"
  undelivered_arn = "${local.sqs}:${var.namespace}-undelivered"
  unmatched_arn   = "${local.sqs}:${var.namespace}-unmatched"
  topic_sources   = toset(flatten([for domains in local.domains : keys(domains)]))

  # Where the thing itself is here, by it: what uses it is to wait for it.
  bus = {
    name = try(module.bus[0].name, local.bus_name)
    arn  = try(module.bus[0].arn, "arn:${local.deployment.partition}:events:${local.location}:event-bus/${local.bus_name}")
  }
  topic_arns = {
    for source in local.topic_sources : source =>
    try(module.topic[source].arn, "arn:${local.deployment.partition}:sns:${local.location}:${var.namespace}-${replace(source, ".", "-")}")
  }
  claims_name   = "${var.namespace}-claims-${local.deployment.account_id}"
  claims_bucket = local.has.platform ? module.store.claims_bucket : { name = local.claims_name, arn = "arn:${local.deployment.partition}:s3:::${local.claims_name}" }
  outbox_table = try(module.outbox[0].table, {
    name = "${var.namespace}-outbox"
    arn  = "arn:${local.deployment.partition}:dynamodb:${local.location}:table/${var.namespace}-outbox"
  })

  # As outputs `watched` of modules/worker say it.
  watched = {
    for name, worker in local.workers : name => {
      queue              = "${var.namespace}-${name}${worker.queue.fifo ? ".fifo" : ""}"
      dead_letter_queues = concat(["${var.namespace}-${name}-dlq${worker.queue.fifo ? ".fifo" : ""}"], worker.queue.fifo ? ["${var.namespace}-${name}-undelivered-dlq"] : [])
      function           = "${var.namespace}-${name}"
      log_group          = "/aws/lambda/${var.namespace}-${name}"
    }
  }
}

data "aws_kms_alias" "this" {
  count = local.has_key && var.kms_key_arn == null && !local.has.platform ? 1 : 0

  name = "alias/${var.namespace}"
}

resource "terraform_data" "stack" {
  input = coalesce(var.stack, "whole")

  lifecycle {
    precondition {
      condition     = local.worker_alone == null || length(local.workers) == 1 || length(module.manifests.problems) > 0
      error_message = "There is no stack ${coalesce(var.stack, "?")}: this environment is deployed by stacks, each a workspace of its folder: platform, the name of a worker, edge. Select one (`terraform workspace select -or-create NAME`), or deploy with `fanout deploy`."
    }
  }
}
