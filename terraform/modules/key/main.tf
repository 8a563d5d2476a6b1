# One key, made here or existing, for all that the platform keeps: bus, topics, queues, tables, buckets and logs.
#
# Services that write in their own name (EventBridge, SNS, CloudWatch) may use it only for what belongs to this
# deployment; SQS, DynamoDB and S3 use it in their caller's name, by the caller's role.
#
# What a service encrypts for, KMS always learns: SNS and SQS name the topic or queue as encryption context. Whom the
# service acts for, KMS learns from some services only. For EventBridge and an encrypted topic AWS rules aws:SourceArn and
# aws:SourceAccount out (https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html); for queues its pages differ on
# their value (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html). So the
# grants for topics and queues ask for the context alone, and a Deny refuses a source of another account where one is named.

locals {
  location  = "${var.deployment.region}:${var.deployment.account_id}"
  arns      = "arn:${var.deployment.partition}"
  namespace = var.deployment.namespace
  alias     = "alias/${local.namespace}"
  topics    = ["${local.arns}:sns:${local.location}:${local.namespace}-*"]
  queues    = ["${local.arns}:sqs:${local.location}:${local.namespace}-*"]
  bus = [
    "${local.arns}:events:${local.location}:event-bus/${local.namespace}",
    "${local.arns}:events:${local.location}:rule/${local.namespace}/*",
    "${local.arns}:events:${local.location}:rule/${local.namespace}-*", # that forward to it
  ]
  alarms = ["${local.arns}:cloudwatch:${local.location}:alarm:${local.namespace}-*"]
  logs   = [for prefix in ["/aws/lambda/", "/aws/events/", "/aws/ecs/", "/aws/vendedlogs/http-api/", "/aws/vendedlogs/pipes/", "/aws/vendedlogs/states/"] : "${local.arns}:logs:${local.location}:log-group:${prefix}${local.namespace}-*"]

  # Statement => the service that may use the key, and for what.
  uses = merge(
    # The bus's own key is another call, for which EventBridge names the bus as source:
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-encryption-key-policy.html
    # An existing bus is encrypted as its owner says.
    !var.encrypts_bus ? {} : { EventsBus = { service = "events.amazonaws.com", key = "aws:SourceArn", values = local.bus } },
    var.bus_grants == "role" ? {} : {
      EventsTopics = { service = "events.amazonaws.com", key = "kms:EncryptionContext:aws:sns:topicArn", values = local.topics }
    },
    {
      EventsQueues = { service = "events.amazonaws.com", key = "kms:EncryptionContext:aws:sqs:arn", values = local.queues }
      SnsQueues    = { service = "sns.amazonaws.com", key = "kms:EncryptionContext:aws:sqs:arn", values = local.queues }
      Alarms       = { service = "cloudwatch.amazonaws.com", key = "aws:SourceArn", values = local.alarms }
    },
  )
}

locals {
  statements = concat(
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
    [for sid, use in local.uses : {
      Sid       = sid
      Effect    = "Allow"
      Principal = { Service = use.service }
      Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
      Resource  = "*"
      Condition = { ArnLike = { (use.key) = use.values } }
    }],
    [{
      Sid       = "ForeignSource" # silent where no source is named; AWS's pages disagree whether an ARN may stand there
      Effect    = "Deny"
      Principal = { Service = ["events.amazonaws.com", "sns.amazonaws.com"] }
      Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
      Resource  = "*"
      Condition = {
        Null          = { "aws:SourceAccount" = "false" }
        StringNotLike = { "aws:SourceAccount" = "*${var.deployment.account_id}*" }
      }
    }],
  )
  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements })
}

resource "aws_kms_key" "this" {
  count = var.existing == null ? 1 : 0

  description             = "What ${local.namespace} keeps"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = local.policy
}

moved {
  from = aws_kms_key.this
  to   = aws_kms_key.this[0]
}

# A key that is somebody else's: its policy is left alone, and check-plan says what has to be in it. AWS refuses the alias
# where the key is of another account or region; a plan may be made in a stand-in for the account.
resource "terraform_data" "existing" {
  count = var.existing == null ? 0 : 1

  input = { arn = var.existing, policy = local.policy }
}

# Whatever is in a queue, an object, a table or a log can be read no more without it: docs/reference/terraform.md says how to leave it.
module "guard" {
  source = "../guard"

  protect = var.protect
  guarded = var.existing == null ? [local.alias] : []
}

locals {
  key = {
    id  = one(concat(aws_kms_key.this[*].id, terraform_data.existing[*].input.arn))
    arn = one(concat(aws_kms_key.this[*].arn, terraform_data.existing[*].input.arn))
  }
}

resource "aws_kms_alias" "this" {
  name          = local.alias
  target_key_id = local.key.id
}
