# A worker's queue with its DLQ, and the events' way into it.
#
# The provider waits about 25 s after each change of an SQS queue, so that the queues carry their policies inline,
# and ARNs that do not stand for an order of creation are computed: DLQ and queue are the only serial stages.

locals {
  name       = "${var.deployment.namespace}-${var.name}"
  tables     = "arn:${var.deployment.partition}:dynamodb:${local.location}:table/${local.name}"
  tags       = var.manifest.owner == null ? {} : { owner = var.manifest.owner } # in place of the environment's
  remembers  = var.manifest.idempotency.mode != "off" || var.manifest.powertools
  fifo       = var.manifest.queue.fifo
  suffix     = local.fifo ? ".fifo" : ""
  location   = "${var.deployment.region}:${var.deployment.account_id}"
  sqs        = "arn:${var.deployment.partition}:sqs:${local.location}"
  queue_name = "${local.name}${local.suffix}"
  dlq_name   = "${local.name}-dlq${local.suffix}"

  # Rule names end in six digits of the event's hash: event names hold spaces and may be too long for 64 characters.
  rule_names = { for event, pattern in var.rules : event => "${local.rule_prefix}${var.name}-${substr(sha1(event), 0, 6)}" }
  rules      = "arn:${var.deployment.partition}:events:${local.location}:rule${var.bus.name == "default" ? "" : "/${var.bus.name}"}"
  topics     = "arn:${var.deployment.partition}:sns:${local.location}:${var.deployment.namespace}"

  # On a bus that others use too, rules begin as all else does.
  rule_prefix = var.bus.name == var.deployment.namespace ? "" : "${var.deployment.namespace}-"

  # Who writes to the queue and, what it could not deliver, to the DLQ.
  by_rule = length(var.rules) > 0
  writer  = local.by_rule ? "events.amazonaws.com" : "sns.amazonaws.com"
  writing_arns = (
    local.by_rule ? [for rule in local.rule_names : "${local.rules}/${rule}"]
    : [for source in keys(var.filter_policies) : "${local.topics}-${replace(source, ".", "-")}"]
  )

  # Calls that came without TLS are refused, whoever made them.
  tls_only = var.security.tls_only
  without_tls = {
    Sid       = "WithoutTls"
    Effect    = "Deny"
    Principal = "*"
    Condition = { Bool = { "aws:SecureTransport" = "false" } }
  }
  dlq_statements = concat(
    local.fifo ? [] : [{
      Sid       = "Undelivered"
      Effect    = "Allow"
      Principal = { Service = local.writer }
      Action    = "sqs:SendMessage"
      Resource  = "${local.sqs}:${local.dlq_name}"
      Condition = { ArnEquals = { "aws:SourceArn" = local.writing_arns } }
    }],
    local.tls_only ? [merge(local.without_tls, { Action = "sqs:*", Resource = "${local.sqs}:${local.dlq_name}" })] : [],
  )
}

resource "aws_sqs_queue" "main" {
  name                        = local.queue_name
  visibility_timeout_seconds  = var.manifest.queue.visibility_s
  message_retention_seconds   = var.manifest.queue.retention_days * 24 * 3600
  tags                        = local.tags
  kms_master_key_id           = var.security.key_alias
  sqs_managed_sse_enabled     = var.security.key_alias == null ? true : null
  fifo_queue                  = local.fifo
  content_based_deduplication = local.fifo ? true : null # EventBridge sends no deduplication id

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = var.manifest.queue.backstop
  })
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([{
      Sid       = "Events"
      Effect    = "Allow"
      Principal = { Service = local.writer }
      Action    = "sqs:SendMessage"
      Resource  = "${local.sqs}:${local.queue_name}"
      Condition = { ArnEquals = { "aws:SourceArn" = local.writing_arns } }
    }], local.tls_only ? [merge(local.without_tls, { Action = "sqs:*", Resource = "${local.sqs}:${local.queue_name}" })] : [])
  })
}

# Holds what the worker gave up or rejected, and what SNS or EventBridge could not deliver to the queue.
resource "aws_sqs_queue" "dead_letter" {
  name                      = local.dlq_name
  message_retention_seconds = 14 * 24 * 3600
  tags                      = local.tags
  kms_master_key_id         = var.security.key_alias
  sqs_managed_sse_enabled   = var.security.key_alias == null ? true : null
  fifo_queue                = local.fifo

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = ["${local.sqs}:${local.queue_name}"]
  })
  policy = length(local.dlq_statements) == 0 ? null : jsonencode({ Version = "2012-10-17", Statement = local.dlq_statements })
}

# EventBridge takes only standard queues as the DLQ of a target
# (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html): a FIFO worker needs one more.
resource "aws_sqs_queue" "undelivered" {
  count = local.fifo ? 1 : 0

  name                      = "${local.name}-undelivered-dlq"
  message_retention_seconds = 14 * 24 * 3600
  tags                      = local.tags
  kms_master_key_id         = var.security.key_alias
  sqs_managed_sse_enabled   = var.security.key_alias == null ? true : null
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([{
      Sid       = "Undelivered"
      Effect    = "Allow"
      Principal = { Service = local.writer }
      Action    = "sqs:SendMessage"
      Resource  = "${local.sqs}:${local.name}-undelivered-dlq"
      Condition = { ArnEquals = { "aws:SourceArn" = local.writing_arns } }
    }], local.tls_only ? [merge(local.without_tls, { Action = "sqs:*", Resource = "${local.sqs}:${local.name}-undelivered-dlq" })] : [])
  })
}

resource "aws_sns_topic_subscription" "this" {
  for_each = var.filter_policies

  topic_arn            = var.topic_arns[each.key]
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.main.arn
  raw_message_delivery = true
  filter_policy_scope  = "MessageBody"
  filter_policy        = each.value
  redrive_policy       = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead_letter.arn })
}

resource "aws_cloudwatch_event_rule" "this" {
  for_each = var.rules

  name           = local.rule_names[each.key]
  description    = "${each.key} to worker ${var.name}"
  event_bus_name = var.bus.name
  event_pattern  = each.value
  tags           = local.tags
}

resource "aws_cloudwatch_event_target" "this" {
  for_each = aws_cloudwatch_event_rule.this

  rule           = each.value.name
  event_bus_name = var.bus.name
  target_id      = "queue"
  arn            = aws_sqs_queue.main.arn

  # A rule can name one group only, so that a FIFO worker has all its events in one order.
  dynamic "sqs_target" {
    for_each = local.fifo ? [var.name] : []
    content {
      message_group_id = sqs_target.value
    }
  }
  dead_letter_config {
    arn = local.fifo ? aws_sqs_queue.undelivered[0].arn : aws_sqs_queue.dead_letter.arn
  }
  retry_policy {
    maximum_event_age_in_seconds = 24 * 3600
    maximum_retry_attempts       = 185
  }
}

module "guard" {
  source = "../guard"

  protect = var.protect
  guarded = concat([local.queue_name, local.dlq_name], local.fifo ? ["${local.name}-undelivered-dlq"] : [], local.remembers ? ["${local.name}-idempotency"] : [], var.manifest.gathers ? ["${local.name}-gather"] : [])
}
