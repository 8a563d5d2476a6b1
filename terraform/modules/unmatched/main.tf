# The rules beside the workers': events that no worker subscribes to go to a queue (of modules/bus), so that a misspelt source
# or name is seen there instead of being lost; those of AWS services are brought over (forward.tf).
# One rule takes the unknown sources and one rule per known source its unknown names, so that no pattern comes
# near EventBridge's 2,048 characters: about 45 sources, and about 100 event names in each, of 16 characters.
#
# On a bus that others use too, only sources of this deployment's own events can be unmatched (var.counted).
#
# A source's canaries take its way (see fanout.events.canary); those of workers that take every event have one of their own.

locals {
  name          = var.deployment.namespace
  location      = "${var.deployment.region}:${var.deployment.account_id}"
  arns          = "arn:${var.deployment.partition}"
  rule_arns     = "${local.arns}:events:${local.location}:rule"
  day           = 24 * 3600
  most_attempts = 185

  # What operators do is told as events of fanout.ops, which need no worker: the journal of operations has them.
  known_sources = distinct(concat(keys(var.subscribed), ["fanout.ops"], formatlist("canary.%s", concat(["fanout"], keys(var.subscribed)))))
  unknown       = var.counted == null ? jsonencode([{ anything-but = local.known_sources }]) : jsonencode(sort(setsubtract(var.counted, local.known_sources)))
  rule_prefix   = var.bus.name == local.name ? "" : "${local.name}-"
  unmatched_patterns = merge(
    { for rule in ["unmatched"] : "${local.rule_prefix}${rule}" => jsonencode({ source = jsondecode(local.unknown) }) if local.unknown != "[]" },
    {
      for source, names in var.subscribed : "${local.rule_prefix}unmatched-${replace(source, ".", "-")}" => jsonencode({
        source      = [source]
        detail-type = [{ anything-but = names }]
      }) if var.counted == null ? true : contains(var.counted, source)
    },
  )
  unmatched_log = "/aws/events/${local.name}-unmatched"
  log_arns      = "${local.arns}:logs:${local.location}:log-group"
}

resource "aws_cloudwatch_event_rule" "unmatched" {
  for_each = local.unmatched_patterns

  name           = each.key
  description    = "Events that no worker subscribes to"
  event_bus_name = var.bus.name
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
  event_bus_name = var.bus.name
  target_id      = "unmatched"
  arn            = var.queues.unmatched

  dead_letter_config {
    arn = var.queues.undelivered
  }
  retry_policy {
    maximum_event_age_in_seconds = local.day
    maximum_retry_attempts       = local.most_attempts
  }
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
  event_bus_name = var.bus.name
  target_id      = "unmatched-log"
  arn            = aws_cloudwatch_log_group.unmatched.arn

  dead_letter_config {
    arn = var.queues.undelivered
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
