# The least the worker's function needs, and what its worker.yaml permits.

locals {
  statements = concat(
    [
      {
        Sid    = "Queue"
        Effect = "Allow"
        Action = [
          "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility",
        ]
        Resource = ["${local.sqs}:${local.queue_name}"]
      },
      {
        Sid      = "DeadLetter"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = concat(["${local.sqs}:${local.dlq_name}"], local.fifo ? ["${local.sqs}:${local.name}-undelivered-dlq"] : [])
      },
      {
        Sid      = "Logs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["arn:${var.deployment.partition}:logs:${local.location}:log-group:/aws/lambda/${local.name}:*"]
      },
      {
        # By keys that events alone tell, of functions' claims and of those that people publish: no role may list them.
        Sid      = "FetchClaims"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = [for publisher in ["${var.deployment.namespace}-*", "people"] : "${var.claims_bucket.arn}/${publisher}/*"]
      },
    ],
    !local.remembers ? [] : [{
      Sid    = "Idempotency"
      Effect = "Allow"
      Action = [
        "dynamodb:PartiQLSelect", "dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate",
        "dynamodb:UpdateItem", # of a commit: the completion in the handler's own transaction
      ]
      Resource = ["${local.tables}-idempotency"]
    }],
    !var.manifest.powertools ? [] : [{
      # Of Powertools' idempotency and circuit breaker, whose records are in the worker's table too; UpdateItem stands above.
      Sid      = "Powertools"
      Effect   = "Allow"
      Action   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem"]
      Resource = ["${local.tables}-idempotency"]
    }],
    !var.manifest.gathers ? [] : [
      {
        Sid      = "Gather"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:Query"]
        Resource = ["${local.tables}-gather"]
      },
      {
        # The last part wakes the worker; a deadline is a delayed message to itself.
        Sid      = "Wake"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = ["${local.sqs}:${local.queue_name}"]
      },
    ],
    length(var.manifest.parts_of) == 0 ? [] : [{
      # The results of parts that others gather.
      Sid      = "ReportParts"
      Effect   = "Allow"
      Action   = ["sqs:SendMessage"]
      Resource = [for worker in var.manifest.parts_of : "${local.sqs}:${var.deployment.namespace}-${worker}"]
    }],
    var.outbox_table == null ? [] : [{
      Sid      = "Outbox"
      Effect   = "Allow"
      Action   = ["dynamodb:PutItem"]
      Resource = [var.outbox_table.arn]
    }],
    length(var.bus.publishes) == 0 ? [] : [{
      # In no other name: what it does not declare, and canaries, it may not send.
      Sid      = "Publish"
      Effect   = "Allow"
      Action   = ["events:PutEvents"]
      Resource = [var.bus.arn]
      Condition = { "ForAllValues:StringEquals" = {
        "events:source"      = sort(distinct([for event in var.bus.publishes : split("/", event)[0]]))
        "events:detail-type" = sort(distinct([for event in var.bus.publishes : split("/", event)[1]]))
      } }
    }],
    # Lambda asks for these without a resource, and makes the interfaces in the role's name; functions cannot use them:
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
    var.vpc == null ? [] : [{
      Sid    = "Vpc"
      Effect = "Allow"
      Action = [
        "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
      ]
      Resource = ["*"]
    }],
    var.vpc == null ? [] : [{
      Sid       = "VpcNotByTheFunction"
      Effect    = "Deny"
      Action    = ["ec2:*NetworkInterface*", "ec2:*PrivateIpAddresses", "ec2:DescribeSubnets"]
      Resource  = ["*"]
      Condition = { ArnEquals = { "lambda:SourceFunctionArn" = ["arn:${var.deployment.partition}:lambda:${local.location}:function:${local.name}"] } }
    }],
    # Neither has a resource: https://docs.aws.amazon.com/lambda/latest/dg/python-tracing.html
    var.manifest.function.tracing != "active" ? [] : [{
      Sid      = "Traces"
      Effect   = "Allow"
      Action   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
      Resource = ["*"]
    }],
    # By alias, so that a plan shows the statement before there is a key. DynamoDB and SQS use the key in the caller's name:
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
    var.security.key_alias == null ? [] : [{
      Sid      = "Key"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
      Resource = ["arn:${var.deployment.partition}:kms:${local.location}:key/*"]
      Condition = {
        "ForAnyValue:StringEquals" = { "kms:ResourceAliases" = [var.security.key_alias] }
        StringEquals               = { "kms:ViaService" = [for service in ["dynamodb", "s3", "sqs"] : "${service}.${var.deployment.region}.amazonaws.com"] }
      }
    }],
    length(var.bus.publishes) == 0 ? [] : [{
      Sid      = "DepositClaims"
      Effect   = "Allow"
      Action   = ["s3:PutObject"]
      Resource = ["${var.claims_bucket.arn}/${local.name}/*"]
    }],
    module.configuration.statements,
    [for index, permission in var.permissions : {
      Sid      = "Permission${index}"
      Effect   = "Allow"
      Action   = permission.actions
      Resource = permission.resources
    }],
  )

  # On AWS there are no aliases. An emulator's IAM may ask for a call's name where AWS asks for the action behind it.
  aliases  = { for action in distinct(flatten(local.statements[*].Action)) : action => lookup(var.iam_dialect.aliases, action, []) }
  unscoped = setintersection(var.iam_dialect.unscoped, flatten(values(local.aliases)))
  aliased  = [for s in local.statements : merge(s, { Action = distinct(concat(s.Action, flatten([for a in s.Action : local.aliases[a]]))) })]
  role_statements = concat(local.aliased, length(local.unscoped) == 0 ? [] : [{
    Sid      = "Unscoped"
    Effect   = "Allow"
    Action   = sort(local.unscoped)
    Resource = ["*"]
  }])
}

module "configuration" {
  source = "../configuration"

  deployment = var.deployment
  parameters = var.parameters
  secrets    = var.secrets
}

resource "aws_iam_role" "this" {
  name                 = local.name
  permissions_boundary = var.deployment.permissions_boundary
  path                 = var.deployment.role_path
  description          = "Function of worker ${var.name}"
  tags                 = local.tags
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name   = "worker"
  role   = aws_iam_role.this.id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.role_statements })
}
