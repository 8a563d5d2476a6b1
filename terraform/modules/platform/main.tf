# The whole of one deployment, from the workers' worker.yaml: see modules/manifests (what they declare) and routing.tf
# (which patterns select their events).

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
    key_alias = one(module.key[*].alias)
    key_arn   = one(module.key[*].arn)
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
}

module "key" {
  source = "../key"
  count  = var.customer_managed_key ? 1 : 0

  deployment = local.deployment
  protect    = var.protect
  bus_grants = var.bus_grants
}

module "store" {
  source = "../store"

  deployment            = local.deployment
  protect               = var.protect
  security              = local.security
  tables                = local.tables
  buckets               = local.buckets
  claims_retention_days = var.claims_retention_days
  force_destroy         = var.force_destroy
}

module "bus" {
  source = "../bus"

  deployment = local.deployment
  protect    = var.protect
  subscribed = local.taken
  forwarded  = local.forwarded
  security   = local.security

  archive_days       = var.archive_days
  publishers         = var.publishers
  log_retention_days = var.log_retention_days
}

module "outbox" {
  source = "../outbox"
  count  = length(local.outbox_workers) > 0 ? 1 : 0

  deployment         = local.deployment
  protect            = var.protect
  security           = local.security
  package            = local.relay_package
  bus                = { name = module.bus.name, arn = module.bus.arn }
  publishes          = distinct(flatten([for worker in local.outbox_workers : local.workers[worker].publishes]))
  claims_bucket      = module.store.claims_bucket
  environment        = var.function_environment
  force_destroy      = var.force_destroy
  log_retention_days = var.log_retention_days
  iam_dialect        = var.iam_dialect
}

module "operators" {
  source = "../operators"

  deployment    = local.deployment
  protect       = var.protect
  security      = { key_alias = local.security.key_alias, key_arn = local.security.key_arn }
  force_destroy = var.force_destroy
}

module "topic" {
  source   = "../topic"
  for_each = toset(flatten([for domains in local.domains : keys(domains)]))

  deployment  = local.deployment
  protect     = var.protect
  security    = local.security
  bus_grants  = var.bus_grants
  bus_name    = module.bus.name
  source_name = each.key
}

module "worker" {
  source   = "../worker"
  for_each = local.workers

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
  traffic_in_steps = local.in_steps && each.value.function.provisioned_concurrency == 0
  package          = local.packages[each.key]
  bus = {
    name      = module.bus.name
    arn       = module.bus.arn
    publishes = each.value.publishes
  }
  filter_policies    = lookup(local.filters, each.key, {})
  topic_arns         = { for source, topic in module.topic : source => topic.arn }
  rules              = lookup(local.rules, each.key, {})
  force_destroy      = var.force_destroy
  outbox_table       = each.value.outbox ? one(module.outbox[*].table) : null
  claims_bucket      = module.store.claims_bucket
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
  count  = length(local.forwarders)

  deployment         = local.deployment
  security           = local.security
  package            = local.forwarder_package
  endpoint           = var.traces.endpoint
  headers_secret     = var.traces.headers_secret
  log_groups         = { for name, worker in module.worker : name => worker.log_group }
  environment        = var.function_environment
  log_retention_days = var.log_retention_days
  iam_dialect        = var.iam_dialect
}

module "schedule" {
  source = "../schedule"

  deployment        = local.deployment
  security          = { key_alias = local.security.key_alias }
  bus_arn           = module.bus.arn
  dead_letter_queue = module.bus.undelivered_queue_arn
  schedules         = var.schedules
  heartbeats        = { for name, worker in module.worker : name => "${worker.function.arn}:${worker.function.alias}" if contains(var.keep_warm.workers, name) }
  heartbeat_minutes = var.keep_warm.minutes
  canary = var.canary == null ? null : {
    function = module.canary[0].function.arn
    every    = var.canary.every
    paused   = var.canary.paused
  }
}

module "canary" {
  source = "../canary"
  count  = var.canary == null ? 0 : 1

  deployment         = local.deployment
  security           = { key_alias = local.security.key_alias, key_arn = local.security.key_arn }
  package            = local.canary_package
  every              = var.canary.every
  limit_s            = var.canary.limit_s
  workers            = { for name, worker in local.workers : name => worker.batch.window_s }
  sources            = keys(module.topic)
  event_buckets      = local.event_buckets
  bus_arn            = module.bus.arn
  alarm_topic        = module.observability.alarm_topic
  alarm_actions      = var.observability.alarm_actions
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
}

module "queue_source" {
  source   = "../queue_source"
  for_each = local.queues

  deployment         = local.deployment
  security           = { key_arn = local.security.key_arn }
  name               = each.key
  queue              = each.value.queue
  event              = each.value.event
  schema_version     = each.value.schema_version
  batch_size         = each.value.batch_size
  kms_key            = each.value.kms_key
  bus_arn            = module.bus.arn
  log_retention_days = var.log_retention_days
}

module "bus_destination" {
  source   = "../bus_destination"
  for_each = { for name, it in var.bus_destinations : name => it if contains(coalesce(it.namespaces, [var.namespace]), var.namespace) }

  deployment = local.deployment
  protect    = var.protect
  security   = { key_alias = local.security.key_alias, tls_only = local.security.tls_only }
  name       = each.key
  bus_name   = module.bus.name
  bus        = each.value.bus
  api        = each.value.api
  events     = each.value.events
  where      = each.value.where
}

module "observability" {
  source = "../observability"

  deployment = local.deployment
  security   = local.security
  bus_name   = var.namespace
  topics     = [for topic in module.topic : topic.watched.topic]
  dead_letter_queues = concat(
    module.bus.dead_letter_queues,
    module.outbox[*].watched.dead_letter_queue,
    [for topic in module.topic : topic.watched.dead_letter_queue],
    flatten([for worker in module.worker : worker.watched.dead_letter_queues]),
    [for workflow in module.workflow : workflow.watched.dead_letter_queue],
    [for destination in module.bus_destination : destination.watched.dead_letter_queue],
  )
  workflows          = { for name, workflow in module.workflow : name => workflow.watched.arn }
  workers            = { for name, worker in module.worker : name => merge(worker.watched, { age_s = local.workers[name].slo.age_s, error_percent = local.workers[name].slo.error_percent, owner = local.workers[name].owner, domains = distinct(local.selections[name][*].source) }) }
  relays             = module.outbox[*].watched.function
  pipes              = { for name, source in module.queue_source : name => source.watched }
  emails             = var.observability.alarm_emails
  urls               = var.observability.alarm_urls
  actions            = var.observability.alarm_actions
  error_rate_percent = var.observability.error_rate_percent
  worker_dashboards  = var.observability.worker_dashboards
  log_queries        = var.observability.log_queries
}

resource "aws_ses_email_identity" "sender" {
  for_each = var.create_email_identities ? local.senders : []

  email = each.key
}
