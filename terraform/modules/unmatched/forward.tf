# AWS services publish to the account's default bus only; what a worker subscribes to of them is brought over.

locals {
  forward_rules     = { for source, pattern in var.forwarded : source => "${local.name}-${replace(source, ".", "-")}" }
  forward_rule_arns = [for rule in sort(values(local.forward_rules)) : "${local.rule_arns}/${rule}"]
}

resource "aws_cloudwatch_event_rule" "forward" {
  for_each = var.forwarded

  name          = local.forward_rules[each.key]
  description   = "Bring events of ${each.key} to the bus ${local.name}"
  event_pattern = each.value
}

resource "aws_cloudwatch_event_target" "forward" {
  for_each = aws_cloudwatch_event_rule.forward

  rule      = each.value.name
  target_id = "bus"
  arn       = var.bus.arn
  role_arn  = aws_iam_role.forward[0].arn

  dead_letter_config {
    arn = var.queues.undelivered
  }
  retry_policy {
    maximum_event_age_in_seconds = local.day
    maximum_retry_attempts       = local.most_attempts
  }
}

resource "aws_iam_role" "forward" {
  count = length(var.forwarded) > 0 ? 1 : 0

  name                 = local.name # with a suffix it could be a worker's
  permissions_boundary = var.deployment.permissions_boundary
  path                 = var.deployment.role_path
  description          = "Lets rules of the default bus put events on ${local.name}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { ArnEquals = { "aws:SourceArn" = local.forward_rule_arns } }
    }]
  })
}

resource "aws_iam_role_policy" "forward" {
  count = length(var.forwarded) > 0 ? 1 : 0

  name = "put-events"
  role = aws_iam_role.forward[0].id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "events:PutEvents", Resource = var.bus.arn }]
  })
}
