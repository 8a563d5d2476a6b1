# The bus that every event passes, and two queues: of events that no worker subscribes to, and of what rules that are no worker's
# cannot deliver. Those rules are in modules/unmatched.

locals {
  name       = var.deployment.namespace
  queue_arns = "arn:${var.deployment.partition}:sqs:${var.deployment.region}:${var.deployment.account_id}"
  rule_arns  = "arn:${var.deployment.partition}:events:${var.deployment.region}:${var.deployment.account_id}:rule"
  name_arn   = "arn:${var.deployment.partition}:events:${var.deployment.region}:${var.deployment.account_id}:event-bus/${local.name}"

  # The rules of modules/unmatched, which may stand in another state.
  unmatched_rules = concat(["unmatched"], [for source in var.sources : "unmatched-${replace(source, ".", "-")}"])
  unmatched_arns  = [for rule in sort(local.unmatched_rules) : "${local.rule_arns}/${local.name}/${rule}"]
  forward_arns    = [for source in sort(var.forwarded) : "${local.rule_arns}/${local.name}-${replace(source, ".", "-")}"]

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
  name        = local.name
  description = "Every event of ${local.name}"

  kms_key_identifier = var.security.key_arn

  # With a key of its own, a bus can fail to encrypt what it is given.
  dynamic "dead_letter_config" {
    for_each = var.security.key_alias == null ? [] : [aws_sqs_queue.undelivered.arn]
    content {
      arn = dead_letter_config.value
    }
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
        ArnEquals = { "aws:SourceArn" = concat(local.unmatched_arns, local.forward_arns, var.security.key_alias == null ? [] : [local.name_arn]) }
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
