# The calls that a run makes, and no others. What it acts on is named; what it only looks at is all of the namespace's, as
# a role's policies hold 10,240 characters (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).

locals {
  prefix    = "arn:${var.deployment.partition}"
  namespace = var.deployment.namespace
  functions = "${local.prefix}:lambda:${local.location}:function:${local.namespace}"
  our_rules = "${local.bus_name == "default" ? "" : "${local.bus_name}/"}${local.bus_name == local.namespace ? "" : "${local.namespace}-"}"
  queues    = "${local.prefix}:sqs:${local.location}:${local.namespace}"
  topics    = [for source in sort(var.sources) : "${local.namespace}-${replace(source, ".", "-")}"]
  buckets   = [for bucket in sort(var.event_buckets) : "${local.prefix}:s3:::${bucket}"]

  statements = concat(
    [
      {
        Sid      = "Bus"
        Effect   = "Allow"
        Action   = ["events:DescribeEventBus"]
        Resource = [var.bus_arn]
      },
      {
        Sid       = "Send"
        Effect    = "Allow"
        Action    = ["events:PutEvents"]
        Resource  = [var.bus_arn]
        Condition = { "ForAllValues:StringLike" = { "events:source" = ["canary.*"] } }
      },
      {
        Sid      = "Rules"
        Effect   = "Allow"
        Action   = ["events:DescribeRule", "events:ListTargetsByRule"]
        Resource = distinct(["${local.prefix}:events:${local.location}:rule/${local.our_rules}*", "${local.prefix}:events:${local.location}:rule/${local.namespace}-*"])
      },
      {
        Sid      = "Versions"
        Effect   = "Allow"
        Action   = ["lambda:GetAlias"]
        Resource = ["${local.functions}-*"]
      },
      {
        Sid      = "Ask"
        Effect   = "Allow"
        Action   = ["lambda:InvokeFunction"]
        Resource = flatten([for worker in sort(keys(var.workers)) : [for version in local.versions : "${local.functions}-${worker}${version}"]])
      },
      {
        # Neither knows resources: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
        # and list_amazonsns.html there.
        Sid      = "Lists"
        Effect   = "Allow"
        Action   = ["lambda:ListEventSourceMappings", "sns:GetSubscriptionAttributes"]
        Resource = ["*"]
      },
      {
        Sid      = "Queues"
        Effect   = "Allow"
        Action   = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl"]
        Resource = ["${local.queues}-*"]
      },
      {
        Sid    = "DeadLetters"
        Effect = "Allow"
        Action = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"]
        Resource = concat(
          ["${local.queues}-*-dlq", "${local.queues}-undelivered"],
          [for topic in local.topics : "${local.prefix}:sqs:${local.location}:${topic}-undelivered"],
        )
      },
      {
        Sid      = "WorkersLogs"
        Effect   = "Allow"
        Action   = ["logs:FilterLogEvents"]
        Resource = ["${local.prefix}:logs:${local.location}:log-group:/aws/lambda/${local.namespace}-*:*"]
      },
      {
        Sid      = "Logs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${local.prefix}:logs:${local.location}:log-group:/aws/lambda/${local.name}:*"]
      },
    ],
    length(local.topics) == 0 ? [] : [{
      Sid      = "Topics"
      Effect   = "Allow"
      Action   = ["sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic"]
      Resource = [for topic in local.topics : "${local.prefix}:sns:${local.location}:${topic}"]
    }],
    length(local.buckets) == 0 ? [] : [
      {
        Sid      = "Buckets"
        Effect   = "Allow"
        Action   = ["s3:GetBucketNotification"]
        Resource = local.buckets
      },
      {
        # fanout.events.canary.MARK, wherever a worker's filter wants it in the key.
        Sid      = "Objects"
        Effect   = "Allow"
        Action   = ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObject"]
        Resource = [for bucket in local.buckets : "${bucket}/*fanout-canary/*"]
      },
    ],
    # By alias, so that a plan shows the statement before there is a key.
    var.security.key_alias == null ? [] : [{
      Sid      = "Key"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = ["${local.prefix}:kms:${local.location}:key/*"]
      Condition = {
        "ForAnyValue:StringEquals" = { "kms:ResourceAliases" = [var.security.key_alias] }
        StringEquals               = { "kms:ViaService" = [for service in ["s3", "sqs"] : "${service}.${var.deployment.region}.amazonaws.com"] }
      }
    }],
  )

  # On AWS there are no aliases. An emulator's IAM may ask for a call's name where AWS asks for the action behind it.
  versions = var.iam_dialect.unqualified ? ["", ":*"] : [":*"]
  aliases  = { for action in distinct(flatten(local.statements[*].Action)) : action => lookup(var.iam_dialect.aliases, action, []) }
  unscoped = setintersection(var.iam_dialect.unscoped, flatten(values(local.aliases)))
  aliased  = [for s in local.statements : merge(s, { Action = distinct(concat(s.Action, flatten([for a in s.Action : local.aliases[a]]))) })]
  role_statements = concat(local.aliased, length(local.unscoped) == 0 ? [] : [{
    Sid      = "Unscoped"
    Effect   = "Allow"
    Action   = sort(local.unscoped)
    Resource = ["*"]
  }])
  policy = jsonencode({ Version = "2012-10-17", Statement = local.role_statements })
}

resource "aws_iam_role" "this" {
  name                 = local.name
  permissions_boundary = var.deployment.permissions_boundary
  path                 = var.deployment.role_path
  description          = "Function that sends canaries"
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
  name   = "canary"
  role   = aws_iam_role.this.id
  policy = local.policy

  lifecycle {
    precondition {
      condition     = length(local.policy) <= 10240
      error_message = "The canary's policy names ${length(var.workers)} workers in ${length(local.policy)} characters; IAM takes 10,240: leave `canary` out, and let CI's schedule call `fanout canary`."
    }
  }
}
