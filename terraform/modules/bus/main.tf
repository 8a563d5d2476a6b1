# The bus that every event passes, and the queue for what its own rules cannot deliver.

locals {
  name          = var.deployment.namespace
  queue_arns    = "arn:${var.deployment.partition}:sqs:${var.deployment.region}:${var.deployment.account_id}"
  rule_arns     = "arn:${var.deployment.partition}:events:${var.deployment.region}:${var.deployment.account_id}:rule"
  two_weeks     = 14 * 24 * 3600
  day           = 24 * 3600
  most_attempts = 185
}

resource "aws_cloudwatch_event_bus" "this" {
  name        = local.name
  description = "Every event of ${local.name}"
}

resource "aws_sqs_queue" "undelivered" {
  name                      = "${local.name}-undelivered"
  message_retention_seconds = local.two_weeks
  sqs_managed_sse_enabled   = true
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Undelivered"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = "${local.queue_arns}:${local.name}-undelivered"
      Condition = {
        ArnEquals = { "aws:SourceArn" = concat(local.unmatched_rule_arns, local.forward_rule_arns) }
      }
    }]
  })
}
