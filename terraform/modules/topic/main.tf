# One domain's way from the bus to its subscribers: rule -> SNS topic, so that a domain costs one rule and one
# target however many workers subscribe.
#
# How the rule may write to the topic is var.bus_grants. AWS's texts contradict each other:
# - conditions in a topic's policy are ruled out for EventBridge
#   (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions);
# - a target's role is allowed by the same page and by the announcement of March 2025
#   (https://aws.amazon.com/about-aws/whats-new/2025/03/amazon-eventbridge-iam-execution-role-all-targets/), while its older
#   versions warn of lost deliveries on encrypted topics.
# "service" holds under each of them; "role" is narrower: docs/how-to/first-deploy.md says how to try it.

locals {
  domain           = replace(var.source_name, ".", "-")
  name             = "${var.deployment.namespace}-${local.domain}"
  undelivered_name = "${local.name}-undelivered"
  location         = "${var.deployment.region}:${var.deployment.account_id}"
  topic_arn        = "arn:${var.deployment.partition}:sns:${local.location}:${local.name}"
  undelivered_arn  = "arn:${var.deployment.partition}:sqs:${local.location}:${local.undelivered_name}"
  by_role          = var.bus_grants == "role"

  # A bus's own name is no part of the ARNs of the default bus's rules; on a bus that others use too, rules begin as all else does.
  rule_name = "${var.bus_name == var.deployment.namespace ? "" : "${var.deployment.namespace}-"}topic-${local.domain}"
  rule_arn  = "arn:${var.deployment.partition}:events:${local.location}:rule/${var.bus_name == "default" ? "" : "${var.bus_name}/"}${local.rule_name}"

  # Calls that came without TLS are refused, whoever made them.
  tls_only = var.security.tls_only
  without_tls = {
    Sid       = "WithoutTls"
    Effect    = "Deny"
    Principal = "*"
    Condition = { Bool = { "aws:SecureTransport" = "false" } }
  }
}

# With the source comes that of its canaries, which take the same way: see fanout.events.canary.
resource "aws_cloudwatch_event_rule" "this" {
  name           = local.rule_name
  description    = "Every event of ${var.source_name} to its topic"
  event_bus_name = var.bus_name
  event_pattern  = jsonencode(merge({ source = [var.source_name, "canary.${var.source_name}"] }, jsondecode(var.narrowed)))
}

resource "aws_cloudwatch_event_target" "this" {
  rule           = aws_cloudwatch_event_rule.this.name
  event_bus_name = var.bus_name
  target_id      = "topic"
  arn            = aws_sns_topic.this.arn
  role_arn       = one(aws_iam_role.publish[*].arn)

  dead_letter_config {
    arn = aws_sqs_queue.undelivered.arn
  }
  retry_policy {
    maximum_event_age_in_seconds = 24 * 3600
    maximum_retry_attempts       = 185
  }
  depends_on = [aws_iam_role_policy.publish]
}

resource "aws_sns_topic" "this" {
  name              = local.name
  kms_master_key_id = var.security.key_alias
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      local.by_role && !local.tls_only ? [{
        Sid       = "Account" # whose roles say who may; a policy needs a statement
        Effect    = "Allow"
        Principal = { AWS = "arn:${var.deployment.partition}:iam::${var.deployment.account_id}:root" }
        Action    = "sns:Publish"
        Resource  = local.topic_arn
      }] : [],
      local.by_role ? [] : [{
        Sid       = "Rule"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = local.topic_arn
      }],
      local.by_role ? [] : [{
        Sid       = "ForeignSource" # silent where EventBridge names no source
        Effect    = "Deny"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = local.topic_arn
        Condition = {
          Null            = { "aws:SourceAccount" = "false" }
          StringNotEquals = { "aws:SourceAccount" = var.deployment.account_id }
        }
      }],
      local.tls_only ? [merge(local.without_tls, { Action = "sns:Publish", Resource = local.topic_arn })] : [],
    )
  })
}

resource "aws_sqs_queue" "undelivered" {
  name                      = local.undelivered_name
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
      Resource  = local.undelivered_arn
      Condition = { ArnEquals = { "aws:SourceArn" = local.rule_arn } }
    }], local.tls_only ? [merge(local.without_tls, { Action = "sqs:*", Resource = local.undelivered_arn })] : [])
  })
}

module "guard" {
  source = "../guard"

  protect = var.protect
  guarded = [local.undelivered_name]
}
