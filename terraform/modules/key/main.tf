# One key for all that the platform keeps: bus, topics, queues, tables, buckets and logs.
#
# Services that write in their own name (EventBridge, SNS, CloudWatch) may use it only for what belongs to this
# deployment; SQS, DynamoDB and S3 use it in their caller's name, by the caller's role.

locals {
  location  = "${var.deployment.region}:${var.deployment.account_id}"
  arns      = "arn:${var.deployment.partition}"
  namespace = var.deployment.namespace
  alias     = "alias/${local.namespace}"
  sources = {
    "events.amazonaws.com" = [
      "${local.arns}:events:${local.location}:event-bus/${local.namespace}",
      "${local.arns}:events:${local.location}:rule/${local.namespace}/*",
      "${local.arns}:events:${local.location}:rule/${local.namespace}-*",
    ]
    "sns.amazonaws.com"        = ["${local.arns}:sns:${local.location}:${local.namespace}-*"]
    "cloudwatch.amazonaws.com" = ["${local.arns}:cloudwatch:${local.location}:alarm:${local.namespace}-*"]
  }
  logs = [for prefix in ["/aws/lambda/", "/aws/events/", "/aws/ecs/", "/aws/vendedlogs/states/"] : "${local.arns}:logs:${local.location}:log-group:${prefix}${local.namespace}-*"]
}

resource "aws_kms_key" "this" {
  description             = "What ${local.namespace} keeps"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid       = "Account" # who may do what with the key is said by the account's own policies
          Effect    = "Allow"
          Principal = { AWS = "${local.arns}:iam::${var.deployment.account_id}:root" }
          Action    = "kms:*"
          Resource  = "*"
        },
        {
          Sid       = "Bus" # asked when a bus is created, for no source
          Effect    = "Allow"
          Principal = { Service = "events.amazonaws.com" }
          Action    = "kms:DescribeKey"
          Resource  = "*"
        },
        {
          Sid       = "Logs"
          Effect    = "Allow"
          Principal = { Service = "logs.${var.deployment.region}.amazonaws.com" }
          Action    = ["kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
          Resource  = "*"
          Condition = { ArnLike = { "kms:EncryptionContext:aws:logs:arn" = local.logs } }
        },
      ],
      [for service, sources in local.sources : {
        Sid       = title(split(".", service)[0])
        Effect    = "Allow"
        Principal = { Service = service }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
        Condition = { ArnLike = { "aws:SourceArn" = sources } }
      }],
    )
  })
}

resource "aws_kms_alias" "this" {
  name          = local.alias
  target_key_id = aws_kms_key.this.id
}
