# The topic that every alarm speaks to.

locals {
  # The workers whose alarms and dashboards stand here.
  own = { for name, worker in var.workers : name => worker if var.own == null ? true : contains(var.own, name) }

  topic_name = "${var.deployment.namespace}-alarms"
  location   = "${var.deployment.region}:${var.deployment.account_id}"
  topic_arn  = "arn:${var.deployment.partition}:sns:${local.location}:${local.topic_name}"

  actions    = concat([local.topic_arn], sort(var.actions))
  ok_actions = var.ok_actions == null ? local.actions : sort(var.ok_actions)

  # Calls that came without TLS are refused, whoever made them.
  tls_only = var.security.tls_only
  without_tls = {
    Sid       = "WithoutTls"
    Effect    = "Deny"
    Principal = "*"
    Condition = { Bool = { "aws:SecureTransport" = "false" } }
  }
}

resource "aws_sns_topic" "alarms" {
  count = var.shared ? 1 : 0

  name         = local.topic_name
  display_name = "Alarms of ${var.deployment.namespace}"

  kms_master_key_id = var.security.key_alias
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([{
      Sid       = "Alarms"
      Effect    = "Allow"
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = local.topic_arn
      Condition = {
        ArnLike = { "aws:SourceArn" = "arn:${var.deployment.partition}:cloudwatch:${local.location}:alarm:${var.deployment.namespace}-*" }
      }
    }], local.tls_only ? [merge(local.without_tls, { Action = "sns:Publish", Resource = local.topic_arn })] : [])
  })
}

resource "aws_sns_topic_subscription" "email" {
  for_each = var.shared ? var.emails : []

  topic_arn = aws_sns_topic.alarms[0].arn
  protocol  = "email"
  endpoint  = each.key
}

resource "aws_sns_topic_subscription" "url" {
  for_each = var.shared ? var.urls : []

  topic_arn = aws_sns_topic.alarms[0].arn
  protocol  = "https"
  endpoint  = each.key
}
