# The role that the rule takes on where bus_grants is "role": to write to its topic, and to its DLQ, of which no page says
# whether EventBridge writes to it by the role or in its own name.

locals {
  plain_role = "${var.deployment.namespace}.${local.domain}.publish" # no worker's or workflow's role has two dots
  role_name  = length(local.plain_role) <= 64 ? local.plain_role : "${substr(local.plain_role, 0, 57)}-${substr(sha1(local.plain_role), 0, 6)}"
}

resource "aws_iam_role" "publish" {
  count = local.by_role ? 1 : 0

  name                 = local.role_name
  permissions_boundary = var.deployment.permissions_boundary
  path                 = var.deployment.role_path
  description          = "Lets the rule of ${var.source_name} write to its topic"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { ArnEquals = { "aws:SourceArn" = local.rule_arn } }
    }]
  })
}

resource "aws_iam_role_policy" "publish" {
  count = local.by_role ? 1 : 0

  name = "publish"
  role = aws_iam_role.publish[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        { Sid = "Publish", Effect = "Allow", Action = ["sns:Publish"], Resource = [local.topic_arn] },
        { Sid = "DeadLetter", Effect = "Allow", Action = ["sqs:SendMessage"], Resource = [local.undelivered_arn] },
      ],
      var.security.key_arn == null ? [] : [{
        Sid       = "Key"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = [var.security.key_arn]
        Condition = { StringEquals = { "kms:ViaService" = [for service in ["sns", "sqs"] : "${service}.${var.deployment.region}.amazonaws.com"] } }
      }],
    )
  })
}
