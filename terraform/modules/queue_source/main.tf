# Events from a queue that is not the platform's: a pipe takes its messages and puts each on the bus, in an envelope.
#
# A message leaves the queue once its event is on the bus. One that cannot be put stays, comes again, and ends where the
# queue's own redrive policy says: a pipe has no dead-letter queue of its own for SQS
# (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-sqs.html).

locals {
  name      = "${var.deployment.namespace}-${var.name}"
  location  = "${var.deployment.region}:${var.deployment.account_id}"
  arns      = "arn:${var.deployment.partition}"
  pipe_arn  = "${local.arns}:pipes:${local.location}:pipe/${local.name}"
  queue_arn = startswith(var.queue, "arn:") ? var.queue : "${local.arns}:sqs:${local.location}:${var.queue}"
  log_group = "/aws/vendedlogs/pipes/${local.name}"
  log_arn   = "${local.arns}:logs:${local.location}:log-group:${local.log_group}"
  source    = split("/", var.event)[0]
  name_sent = split("/", var.event)[1]

  # The message's id is the same however often it is taken, so that workers know duplicates. A body that is JSON is put as
  # it is, any other as a text, which every worker rejects. Texts stand in quotation marks, JSON values do not:
  # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-input-transformation.html
  template = join("", [
    "{\"metadata\":{\"event_id\":\"<$.messageId>\",\"correlation_id\":\"<$.messageId>\",",
    "\"published_at\":\"<aws.pipes.event.ingestion-time>\",\"schema_version\":${var.schema_version}},\"data\":<$.body>}",
  ])

  by_alias = try(startswith(var.kms_key, "alias/"), false)
  via_sqs  = { StringEquals = { "kms:ViaService" = ["sqs.${var.deployment.region}.amazonaws.com"] } }
  statements = concat(
    [
      { Sid = "Take", Effect = "Allow", Action = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"], Resource = [local.queue_arn] },
      {
        Sid       = "Put"
        Effect    = "Allow"
        Action    = ["events:PutEvents"]
        Resource  = [var.bus_arn]
        Condition = { StringEquals = { "events:source" = [local.source], "events:detail-type" = [local.name_sent] } }
      },
      { Sid = "Log", Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"], Resource = ["${local.log_arn}:*"] },
    ],
    var.kms_key == null ? [] : [{
      Sid      = "Key"
      Effect   = "Allow"
      Action   = ["kms:Decrypt"]
      Resource = [local.by_alias ? "${local.arns}:kms:${local.location}:key/*" : var.kms_key]
      Condition = merge(
        local.via_sqs,
        local.by_alias ? { "ForAnyValue:StringEquals" = { "kms:ResourceAliases" = [var.kms_key] } } : null,
      )
    }],
  )
}

resource "aws_pipes_pipe" "this" {
  name        = local.name
  description = "Puts messages of ${var.queue} on the bus as ${var.event}"
  role_arn    = aws_iam_role.this.arn
  source      = local.queue_arn
  target      = var.bus_arn

  source_parameters {
    sqs_queue_parameters {
      batch_size = var.batch_size
    }
  }
  target_parameters {
    input_template = local.template

    eventbridge_event_bus_parameters {
      source      = local.source
      detail_type = local.name_sent
    }
  }
  # Without execution data: messages hold persons' data.
  log_configuration {
    level = "ERROR"

    cloudwatch_logs_log_destination {
      log_group_arn = aws_cloudwatch_log_group.this.arn
    }
  }
  depends_on = [aws_iam_role_policy.this]
}

# Names that begin so need no resource policy of their own:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-and-resource-policy.html
resource "aws_cloudwatch_log_group" "this" {
  name              = local.log_group
  retention_in_days = var.log_retention_days
  kms_key_id        = var.security.key_arn
}

resource "aws_iam_role" "this" {
  # A dot, which no worker's name has, so that no worker has this role's name.
  name                 = "${var.deployment.namespace}.${var.name}.pipe"
  permissions_boundary = var.deployment.permissions_boundary
  path                 = var.deployment.role_path
  description          = "Takes from queue ${var.queue}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "pipes.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = var.deployment.account_id, "aws:SourceArn" = local.pipe_arn } }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name   = "pipe"
  role   = aws_iam_role.this.id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements })
}
