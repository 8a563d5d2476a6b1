# Events that no worker subscribes to: a misspelt source or name is seen here instead of being lost.
# One rule takes the unknown sources and one rule per known source its unknown names, so that no pattern comes
# near EventBridge's 2,048 characters: about 45 sources, and about 100 event names in each, of 16 characters.
#
# A source's canaries take its way (see fanout.events.canary); those of workers that take every event have one of their own.

locals {
  # What operators do is told as events of fanout.ops, which need no worker: the journal of operations has them.
  known_sources = distinct(concat(keys(var.subscribed), ["fanout.ops"], formatlist("canary.%s", concat(["fanout"], keys(var.subscribed)))))
  unmatched_patterns = merge(
    { unmatched = jsonencode({ source = [{ anything-but = local.known_sources }] }) },
    {
      for source, names in var.subscribed : "unmatched-${replace(source, ".", "-")}" => jsonencode({
        source      = [source]
        detail-type = [{ anything-but = names }]
      })
    },
  )
  unmatched_log       = "/aws/events/${local.name}-unmatched"
  log_arns            = "arn:${var.deployment.partition}:logs:${var.deployment.region}:${var.deployment.account_id}:log-group"
  unmatched_rule_arns = [for rule in sort(keys(local.unmatched_patterns)) : "${local.rule_arns}/${local.name}/${rule}"]
}

resource "aws_cloudwatch_event_rule" "unmatched" {
  for_each = local.unmatched_patterns

  name           = each.key
  description    = "Events that no worker subscribes to"
  event_bus_name = aws_cloudwatch_event_bus.this.name
  event_pattern  = each.value

  lifecycle {
    precondition {
      condition     = length(each.value) <= 2048
      error_message = "The pattern of rule ${each.key} has ${length(each.value)} characters, over EventBridge's 2,048: move some events to another source."
    }
  }
}

resource "aws_cloudwatch_event_target" "unmatched" {
  for_each = aws_cloudwatch_event_rule.unmatched

  rule           = each.value.name
  event_bus_name = aws_cloudwatch_event_bus.this.name
  target_id      = "unmatched"
  arn            = aws_sqs_queue.unmatched.arn

  dead_letter_config {
    arn = aws_sqs_queue.undelivered.arn
  }
  retry_policy {
    maximum_event_age_in_seconds = local.day
    maximum_retry_attempts       = local.most_attempts
  }
}

resource "aws_sqs_queue" "unmatched" {
  name                      = "${local.name}-unmatched"
  message_retention_seconds = local.two_weeks
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
      Condition = { ArnEquals = { "aws:SourceArn" = local.unmatched_rule_arns } }
    }], local.tls_only ? [merge(local.without_tls, { Action = "sqs:*", Resource = "${local.queue_arns}:${local.name}-unmatched" })] : [])
  })
}

# The queue keeps them for two weeks, one reader at a time; the log can be searched.
resource "aws_cloudwatch_log_group" "unmatched" {
  name              = local.unmatched_log
  retention_in_days = var.log_retention_days
  kms_key_id        = var.security.key_arn
}

resource "aws_cloudwatch_event_target" "unmatched_log" {
  for_each = aws_cloudwatch_event_rule.unmatched

  rule           = each.value.name
  event_bus_name = aws_cloudwatch_event_bus.this.name
  target_id      = "unmatched-log"
  arn            = aws_cloudwatch_log_group.unmatched.arn

  dead_letter_config {
    arn = aws_sqs_queue.undelivered.arn
  }
  retry_policy {
    maximum_event_age_in_seconds = local.day
    maximum_retry_attempts       = local.most_attempts
  }
  depends_on = [aws_cloudwatch_log_resource_policy.events]
}

# EventBridge writes to logs by a policy of the account, never by a role, and names no source for it:
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-cloudwatchlogs-permissions
# A condition on the rule's ARN refuses CreateLogStream (https://github.com/aws-samples/serverless-patterns/pull/618). An
# account has ten such policies in a region, of 5,120 characters each: one serves every log target of the environment.
resource "aws_cloudwatch_log_resource_policy" "events" {
  policy_name = local.name
  policy_document = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Events"
      Effect    = "Allow"
      Principal = { Service = ["delivery.logs.amazonaws.com", "events.amazonaws.com"] }
      Action    = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource  = "${local.log_arns}:/aws/events/${local.name}-*:*"
    }]
  })
}

moved {
  from = aws_cloudwatch_log_resource_policy.unmatched
  to   = aws_cloudwatch_log_resource_policy.events
}
