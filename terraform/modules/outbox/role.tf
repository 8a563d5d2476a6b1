# The least the relay needs.

locals {
  statements = concat([
    {
      # A stream's ARN ends in the time of its making.
      Sid    = "Stream"
      Effect = "Allow"
      Action = [
        "dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator",
      ]
      Resource = ["${aws_dynamodb_table.this.arn}/stream/*"]
    },
    {
      # It knows no resources (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html).
      Sid      = "Streams"
      Effect   = "Allow"
      Action   = ["dynamodb:ListStreams"]
      Resource = ["*"]
    },
    {
      Sid      = "Marks"
      Effect   = "Allow"
      Action   = ["dynamodb:PartiQLUpdate"]
      Resource = [aws_dynamodb_table.this.arn]
    },
    {
      Sid      = "Publish"
      Effect   = "Allow"
      Action   = ["events:PutEvents"]
      Resource = [var.bus.arn]
      Condition = { "ForAllValues:StringEquals" = {
        "events:source"      = sort(distinct([for event in var.publishes : split("/", event)[0]]))
        "events:detail-type" = sort(distinct([for event in var.publishes : split("/", event)[1]]))
      } }
    },
    {
      Sid      = "DepositClaims"
      Effect   = "Allow"
      Action   = ["s3:PutObject"]
      Resource = ["${var.claims_bucket.arn}/${local.name}/*"]
    },
    {
      Sid      = "Undelivered"
      Effect   = "Allow"
      Action   = ["sqs:SendMessage"]
      Resource = [local.undelivered_arn]
    },
    {
      Sid      = "Logs"
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = ["arn:${var.deployment.partition}:logs:${local.location}:log-group:/aws/lambda/${local.name}:*"]
    },
    ],
    # By alias, so that a plan shows the statement before there is a key: stream, table, claims and failure queue use it
    # in the role's name.
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

resource "aws_iam_role" "relay" {
  name                 = local.name
  permissions_boundary = var.deployment.permissions_boundary
  path                 = var.deployment.role_path
  description          = "Function that publishes the outbox"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "relay" {
  name   = "relay"
  role   = aws_iam_role.relay.id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.role_statements })
}
