# The whole of one deployment, from the workers' worker.yaml: see modules/manifests (what they declare) and routing.tf
# (which patterns select their events).

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  deployment = {
    namespace  = var.namespace
    partition  = data.aws_partition.current.partition
    region     = data.aws_region.current.name
    account_id = data.aws_caller_identity.current.account_id
  }
  workers = module.manifests.workers
  tables  = merge([for worker in local.workers : worker.tables]...)
  buckets = merge([for worker in local.workers : worker.buckets]...)

  # A part's worker may be any of them, and so may the one that waits for it.
  gather_queues = [
    for name, worker in local.workers :
    "arn:${local.deployment.partition}:sqs:${local.deployment.region}:${local.deployment.account_id}:${var.namespace}-${name}"
    if worker.gathers
  ]
  outbox_workers = sort([for name, worker in local.workers : name if worker.outbox])
}

module "manifests" {
  source = "../manifests"

  services_dir  = var.services_dir
  contracts_dir = var.contracts_dir
}

module "store" {
  source = "../store"

  deployment            = local.deployment
  tables                = local.tables
  buckets               = local.buckets
  claims_retention_days = var.claims_retention_days
  force_destroy         = var.force_destroy
}

module "bus" {
  source = "../bus"

  deployment = local.deployment
  subscribed = local.subscribed
  forwarded  = local.forwarded
}

module "outbox" {
  source = "../outbox"
  count  = length(local.outbox_workers) > 0 ? 1 : 0

  deployment         = local.deployment
  package            = local.relay_package
  bus                = { name = module.bus.name, arn = module.bus.arn }
  claims_bucket      = module.store.claims_bucket
  environment        = var.function_environment
  force_destroy      = var.force_destroy
  log_retention_days = var.log_retention_days
  iam_dialect        = var.iam_dialect
}

module "topic" {
  source   = "../topic"
  for_each = toset(flatten([for domains in local.domains : keys(domains)]))

  deployment  = local.deployment
  bus_name    = module.bus.name
  source_name = each.key
}

module "worker" {
  source   = "../worker"
  for_each = local.workers

  deployment = local.deployment
  name       = each.key
  manifest = {
    description = each.value.description
    function    = each.value.function
    batch       = each.value.batch
    queue       = each.value.queue
  }
  package = local.packages[each.key]
  bus = {
    name      = module.bus.name
    arn       = module.bus.arn
    publishes = length(each.value.publishes) > 0
  }
  filter_policies    = lookup(local.filters, each.key, {})
  topic_arns         = { for source, topic in module.topic : source => topic.arn }
  rules              = lookup(local.rules, each.key, {})
  idempotency_table  = each.value.idempotency.mode == "off" ? null : module.store.idempotency_table
  outbox_table       = each.value.outbox ? one(module.outbox[*].table) : null
  claims_bucket      = module.store.claims_bucket
  environment        = merge({ for name, values in local.store_variables[each.key] : name => values[0] }, var.function_environment)
  gather             = each.value.gathers ? { table = module.store.gather_table, queues = local.gather_queues } : null
  permissions        = local.permissions[each.key]
  iam_dialect        = var.iam_dialect
  log_retention_days = var.log_retention_days
}

resource "aws_ses_email_identity" "sender" {
  for_each = var.create_email_identities ? local.senders : []

  email = each.key
}
