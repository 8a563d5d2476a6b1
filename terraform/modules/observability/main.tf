# The topic that every alarm speaks to.

locals {
  topic_name = "${var.deployment.namespace}-alarms"
  location   = "${var.deployment.region}:${var.deployment.account_id}"
  topic_arn  = "arn:${var.deployment.partition}:sns:${local.location}:${local.topic_name}"
}

resource "aws_sns_topic" "alarms" {
  name         = local.topic_name
  display_name = "Alarms of ${var.deployment.namespace}"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Alarms"
      Effect    = "Allow"
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = local.topic_arn
      Condition = {
        ArnLike = { "aws:SourceArn" = "arn:${var.deployment.partition}:cloudwatch:${local.location}:alarm:${var.deployment.namespace}-*" }
      }
    }]
  })
}

resource "aws_sns_topic_subscription" "email" {
  for_each = var.emails

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.key
}
