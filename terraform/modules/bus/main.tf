# The bus that every event passes, and two queues: of events that no worker subscribes to, and of what rules that are no worker's
# cannot deliver. Those rules are in modules/unmatched.

locals {
  name       = var.deployment.namespace
  queue_arns = "arn:${var.deployment.partition}:sqs:${var.deployment.region}:${var.deployment.account_id}"
  rule_arns  = "arn:${var.deployment.partition}:events:${var.deployment.region}:${var.deployment.account_id}:rule"
  existing   = var.existing != null
  bus_name   = local.existing ? var.existing.name : local.name
  name_arn   = "arn:${var.deployment.partition}:events:${var.deployment.region}:${var.deployment.account_id}:event-bus/${local.bus_name}"

  # A bus's own name is no part of the ARNs of the default bus's rules; on a bus that others use too, rules begin as all else does.
  on_bus      = local.bus_name == "default" ? local.rule_arns : "${local.rule_arns}/${local.bus_name}"
  rule_prefix = local.bus_name == local.name ? "" : "${local.name}-"

  # The rules of modules/unmatched, which may stand in another state.
  unmatched_rules = concat(!local.existing || try(var.existing.unknown, true) ? ["unmatched"] : [], [for source in var.sources : "unmatched-${replace(source, ".", "-")}"])
  unmatched_arns  = [for rule in sort(local.unmatched_rules) : "${local.on_bus}/${local.rule_prefix}${rule}"]
  forward_arns    = [for source in sort(var.forwarded) : "${local.rule_arns}/${local.name}-${replace(source, ".", "-")}"]

  # With a key of its own, a bus can fail to encrypt what it is given.
  encrypting_arns = var.security.key_alias == null || local.existing ? [] : [local.name_arn]

  # Calls that came without TLS are refused, whoever made them.
  tls_only = var.security.tls_only
  without_tls = {
    Sid       = "WithoutTls"
    Effect    = "Deny"
    Principal = "*"
    Condition = { Bool = { "aws:SecureTransport" = "false" } }
  }
}

resource "aws_cloudwatch_event_bus" "this" {
  count = local.existing ? 0 : 1

  name        = local.name
  description = "Every event of ${local.name}"

  kms_key_identifier = var.security.key_arn

  dynamic "dead_letter_config" {
    for_each = var.security.key_alias == null ? [] : [aws_sqs_queue.undelivered.arn]
    content {
      arn = dead_letter_config.value
    }
  }
}

moved {
  from = aws_cloudwatch_event_bus.this
  to   = aws_cloudwatch_event_bus.this[0]
}

# A bus that is somebody else's: nothing of it is changed. Whoever reads a plan finds it, and whose rules are ours, here.
resource "terraform_data" "existing" {
  count = local.existing ? 1 : 0

  input = { namespace = local.name, name = local.bus_name, arn = local.name_arn }
}

locals {
  bus = {
    name = one(concat(aws_cloudwatch_event_bus.this[*].name, terraform_data.existing[*].input.name))
    arn  = one(concat(aws_cloudwatch_event_bus.this[*].arn, terraform_data.existing[*].input.arn))
  }
}

resource "aws_sqs_queue" "undelivered" {
  name                      = "${local.name}-undelivered"
  message_retention_seconds = 14 * 24 * 3600
  kms_master_key_id         = var.security.key_alias
  sqs_managed_sse_enabled   = var.security.key_alias == null ? true : null
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([{
      Sid       = "Undelivered"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = "${local.queue_arns}:${local.name}-undelivered"
      Condition = {
        ArnEquals = { "aws:SourceArn" = concat(local.unmatched_arns, local.forward_arns, local.encrypting_arns) }
      }
    }], local.tls_only ? [merge(local.without_tls, { Action = "sqs:*", Resource = "${local.queue_arns}:${local.name}-undelivered" })] : [])
  })
}

# What no worker subscribes to: the rules that bring it here are in modules/unmatched.
resource "aws_sqs_queue" "unmatched" {
  name                      = "${local.name}-unmatched"
  message_retention_seconds = 14 * 24 * 3600
  kms_master_key_id         = var.security.key_alias
  sqs_managed_sse_enabled   = var.security.key_alias == null ? true : null
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([{
      Sid       = "Unmatched"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = "${local.queue_arns}:${local.name}-unmatched"
      Condition = { ArnEquals = { "aws:SourceArn" = local.unmatched_arns } }
    }], local.tls_only ? [merge(local.without_tls, { Action = "sqs:*", Resource = "${local.queue_arns}:${local.name}-unmatched" })] : [])
  })
}

module "guard" {
  source = "../guard"

  protect = var.protect
  guarded = concat(["${local.name}-unmatched", "${local.name}-undelivered"], var.archive_days == null ? [] : ["${local.name} (archive)"])
}
