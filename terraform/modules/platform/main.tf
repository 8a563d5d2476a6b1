# One deployment, whole or a stack of it (stack.tf), from the workers' worker.yaml: see modules/manifests (what they declare)
# and routing.tf (which patterns select their events).

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  deployment = {
    namespace  = var.namespace
    partition  = data.aws_partition.current.partition
    region     = data.aws_region.current.id
    account_id = data.aws_caller_identity.current.account_id

    permissions_boundary = var.permissions_boundary
    role_path            = var.role_path
    code_signing_config  = var.code_signing_config
  }
  security = {
    key_alias = one(concat(module.key[*].alias, data.aws_kms_alias.this[*].name, local.key_elsewhere[*].alias))
    key_arn   = one(concat(module.key[*].arn, data.aws_kms_alias.this[*].target_key_arn, local.key_elsewhere[*].arn))
    tls_only  = var.tls_only
  }
  workers = module.manifests.workers
  tables  = merge([for worker in local.workers : { for name, it in worker.tables : name => merge(it, { owner = worker.owner }) }]...)
  buckets = merge([for worker in local.workers : { for name, it in worker.buckets : name => merge(it, { owner = worker.owner }) }]...)

  outbox_workers = sort([for name, worker in local.workers : name if worker.outbox])
}

module "manifests" {
  source = "../manifests"

  services_dir  = var.services_dir
  contracts_dir = var.contracts_dir
  only          = local.worker_alone
}

module "key" {
  source = "../key"
  count  = local.has_key && local.has.platform ? 1 : 0

  existing     = var.kms_key_arn
  deployment   = local.deployment
  protect      = var.protect
  bus_grants   = var.bus_grants
  encrypts_bus = !local.bus_elsewhere
}

module "store" {
  source = "../store"

  deployment            = local.deployment
  protect               = var.protect
  security              = local.security
  claims                = local.has.platform
  tables                = merge([for worker in local.own : worker.tables]...)
  buckets               = merge([for worker in local.own : worker.buckets]...)
  claims_retention_days = var.claims_retention_days
  force_destroy         = var.force_destroy
}

module "bus" {
  source = "../bus"
  count  = local.has.platform ? 1 : 0

  deployment = local.deployment
  protect    = var.protect
  existing = !local.bus_elsewhere ? null : {
    name     = var.event_bus_name
    archived = setunion(module.manifests.sources, keys(local.taken), ["fanout.ops"])
    unknown  = length(setsubtract(local.counted, keys(local.matched))) > 0
  }
  sources      = [for source in keys(local.taken) : source if !local.bus_elsewhere || contains(local.counted, source)]
  forwarded    = keys(local.forwarded)
  security     = local.security
  archive_days = var.archive_days
  publishers   = var.publishers
}

module "unmatched" {
  source = "../unmatched"
  count  = local.has.edge ? 1 : 0

  deployment         = local.deployment
  bus                = local.bus
  queues             = { unmatched = local.unmatched_arn, undelivered = local.undelivered_arn }
  subscribed         = local.matched
  counted            = local.bus_elsewhere ? local.counted : null
  forwarded          = local.forwarded
  security           = { key_arn = local.security.key_arn }
  log_retention_days = var.log_retention_days

  # The queue takes nothing from a rule before its policy is there, and what is taken away from "unmatched" has its own queue.
  depends_on = [module.bus, module.worker]
}

module "outbox" {
  source = "../outbox"
  count  = length(local.outbox_workers) > 0 && local.has.platform ? 1 : 0

  deployment         = local.deployment
  protect            = var.protect
  security           = local.security
  package            = local.relay_package
  bus                = local.bus
  publishes          = distinct(flatten([for worker in local.outbox_workers : local.workers[worker].publishes]))
  claims_bucket      = local.claims_bucket
  environment        = var.function_environment
  force_destroy      = var.force_destroy
  log_retention_days = var.log_retention_days
  iam_dialect        = var.iam_dialect
}

module "operators" {
  source = "../operators"
  count  = local.has.platform ? 1 : 0

  deployment    = local.deployment
  protect       = var.protect
  security      = { key_alias = local.security.key_alias, key_arn = local.security.key_arn }
  bus_name      = local.bus_name
  force_destroy = var.force_destroy
}

module "topic" {
  source   = "../topic"
  for_each = local.has.platform ? local.topic_sources : []

  deployment  = local.deployment
  protect     = var.protect
  security    = local.security
  bus_grants  = var.bus_grants
  bus_name    = local.bus.name
  source_name = each.key
  narrowed    = lookup(local.narrowed, each.key, "{}")
}

module "worker" {
  source   = "../worker"
  for_each = local.own

  deployment = local.deployment
  protect    = var.protect
  security   = local.security
  name       = each.key
  manifest = {
    description = each.value.description
    owner       = each.value.owner
    function    = each.value.function
    batch       = each.value.batch
    queue       = each.value.queue
    idempotency = { mode = each.value.idempotency.mode }
    gathers     = each.value.gathers
    parts_of    = each.value.parts_of
    powertools  = each.value.powertools
    scaling     = each.value.scaling

    scaling_schedule = each.value.scaling_schedule
  }
  autoscaling = var.autoscaling

  # Lambda refuses weights on an alias with provisioned concurrency, and provisioned concurrency on one with weights.
  traffic_in_steps   = local.in_steps && each.value.function.provisioned_concurrency == 0
  package            = local.packages[each.key]
  bus                = merge(local.bus, { publishes = each.value.publishes })
  filter_policies    = lookup(local.filters, each.key, {})
  topic_arns         = local.topic_arns
  rules              = lookup(local.rules, each.key, {})
  force_destroy      = var.force_destroy
  outbox_table       = each.value.outbox ? local.outbox_table : null
  claims_bucket      = local.claims_bucket
  environment        = merge(each.value.environment, each.value.logs.level == null ? {} : { FANOUT_LOG_LEVEL = each.value.logs.level }, { for name, values in local.store_variables[each.key] : name => values[0] }, var.function_environment)
  permissions        = local.permissions[each.key]
  parameters         = each.value.parameters
  secrets            = each.value.secrets
  vpc                = each.value.function.vpc == null ? var.vpc : lookup(var.vpcs, each.value.function.vpc, null)
  iam_dialect        = var.iam_dialect
  log_retention_days = var.log_retention_days
}

module "traces" {
  source = "../traces"
  count  = var.traces.endpoint != null && local.has.platform ? 1 : 0

  deployment         = local.deployment
  security           = local.security
  package            = local.forwarder_package
  endpoint           = var.traces.endpoint
  headers_secret     = var.traces.headers_secret
  log_groups         = { for name in keys(local.workers) : name => local.watched[name].log_group }
  environment        = var.function_environment
  log_retention_days = var.log_retention_days
  iam_dialect        = var.iam_dialect
}

module "schedule" {
  source = "../schedule"
  count  = local.has.edge ? 1 : 0

  deployment        = local.deployment
  security          = { key_alias = local.security.key_alias }
  bus_arn           = local.bus.arn
  dead_letter_queue = local.undelivered_arn
  schedules         = var.schedules
  heartbeats        = { for name in keys(local.workers) : name => try("${module.worker[name].function.arn}:${module.worker[name].function.alias}", "${local.function_arn}-${name}:live") if contains(var.keep_warm.workers, name) }
  heartbeat_minutes = var.keep_warm.minutes
  canary = var.canary == null ? null : {
    function = module.canary[0].function.arn
    every    = var.canary.every
    paused   = var.canary.paused
  }
}

module "canary" {
  source = "../canary"
  count  = var.canary != null && local.has.edge ? 1 : 0

  deployment         = local.deployment
  security           = { key_alias = local.security.key_alias, key_arn = local.security.key_arn }
  package            = local.canary_package
  every              = var.canary.every
  limit_s            = var.canary.limit_s
  workers            = { for name, worker in local.workers : name => worker.batch.window_s }
  sources            = local.topic_sources
  event_buckets      = local.event_buckets
  bus_arn            = local.bus.arn
  alarm_topic        = module.observability.alarm_topic
  alarm_actions      = var.observability.alarm_actions
  ok_actions         = var.observability.ok_actions
  environment        = var.function_environment
  log_retention_days = var.log_retention_days
  iam_dialect        = var.iam_dialect
}

locals {
  # A pipe takes from queues of its own account and region: an ARN says which environments have it. Two that take from
  # one queue would each get some of its messages.
  queues = {
    for name, it in var.queues : name => it
    if contains(coalesce(it.namespaces, [var.namespace]), var.namespace)
    && (!startswith(it.queue, "arn:") || strcontains(it.queue, ":${local.deployment.region}:${local.deployment.account_id}:"))
  }
  destinations = { for name, it in var.bus_destinations : name => it if contains(coalesce(it.namespaces, [var.namespace]), var.namespace) }
}

module "queue_source" {
  source   = "../queue_source"
  for_each = { for name, it in local.queues : name => it if local.has.edge }

  deployment         = local.deployment
  security           = { key_arn = local.security.key_arn }
  name               = each.key
  queue              = each.value.queue
  event              = each.value.event
  schema_version     = each.value.schema_version
  batch_size         = each.value.batch_size
  kms_key            = each.value.kms_key
  bus_arn            = local.bus.arn
  log_retention_days = var.log_retention_days
}

module "bus_destination" {
  source   = "../bus_destination"
  for_each = { for name, it in local.destinations : name => it if local.has.edge }

  deployment = local.deployment
  protect    = var.protect
  security   = { key_alias = local.security.key_alias, tls_only = local.security.tls_only }
  name       = each.key
  bus_name   = local.bus.name
  bus        = each.value.bus
  api        = each.value.api
  events     = each.value.events
  where      = each.value.where
}

# Alarms and dashboards know what they watch by its name, so that none waits for it.
module "observability" {
  source = "../observability"

  deployment = local.deployment
  security   = local.security
  shared     = local.has.platform
  own        = keys(local.own)
  bus_name   = local.bus_name
  topics     = [for source in local.shown.sources : "${var.namespace}-${replace(source, ".", "-")}"]
  dead_letter_queues = [for name in concat(
    local.has.platform ? ["unmatched", "undelivered"] : [],
    [for outbox in local.shown.outboxes : "${outbox}-undelivered"],
    [for source in local.shown.sources : "${replace(source, ".", "-")}-undelivered"],
    [for workflow in local.shown.workflows : "${workflow}-undelivered"],
    [for destination in local.shown.destinations : "to-${destination}-undelivered"],
  ) : "${var.namespace}-${name}"]
  workflows          = { for name in local.shown.workflows : name => "arn:${local.deployment.partition}:states:${local.location}:stateMachine:${var.namespace}-${name}" }
  workers            = { for name in local.shown.workers : name => merge(local.watched[name], { age_s = local.workers[name].slo.age_s, error_percent = local.workers[name].slo.error_percent, owner = local.workers[name].owner, domains = distinct(local.selections[name][*].source) }) }
  relays             = [for outbox in local.shown.outboxes : "${var.namespace}-${outbox}"]
  pipes              = { for name in local.shown.pipes : name => "${var.namespace}-${name}" }
  emails             = var.observability.alarm_emails
  urls               = var.observability.alarm_urls
  actions            = var.observability.alarm_actions
  ok_actions         = var.observability.ok_actions
  error_rate_percent = var.observability.error_rate_percent
  worker_dashboards  = var.observability.worker_dashboards
  log_queries        = var.observability.log_queries
}

resource "aws_ses_email_identity" "sender" {
  for_each = var.create_email_identities && local.has.platform ? local.senders : []

  email = each.key
}
