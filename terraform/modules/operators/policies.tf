# Who may do what: numbers, then payloads too, then changes. Each policy stands beside the ones before it: an operator
# has all three, and a tuner a fourth. Workers are named by the deployment's prefix: a list of their ARNs would not fit a
# policy of 6,144 characters (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html) beyond some
# forty workers.

locals {
  # A bus's own name is no part of the ARNs of the default bus's rules; on a bus that others use too, rules begin as all else does.
  bus_path  = local.bus_name == "default" ? "" : "${local.bus_name}/"
  on_shared = local.bus_name == local.prefix ? "" : "${local.prefix}-"

  kinds = ["tail", "replay", "tune"]
  temporary = {
    queues    = [for kind in local.kinds : "${local.arns}:sqs:${local.location}:${local.prefix}-${kind}-*"]
    rules     = [for kind in local.kinds : "${local.arns}:events:${local.location}:rule/${local.bus_path}${local.prefix}-${kind}-*"]
    functions = ["${local.arns}:lambda:${local.location}:function:${local.prefix}-tune-*"]
  }
  queues       = ["${local.arns}:sqs:${local.location}:${local.prefix}-*"]
  dead_letters = [for end in ["dlq", "dlq.fifo", "undelivered", "unmatched"] : "${local.arns}:sqs:${local.location}:${local.prefix}-*${end}"]
  functions    = ["${local.arns}:lambda:${local.location}:function:${local.prefix}-*"]
  logs         = ["${local.arns}:logs:${local.location}:log-group:/aws/lambda/${local.prefix}-*:*"]
  records      = ["${local.arns}:dynamodb:${local.location}:table/${local.prefix}-*-idempotency"]
  gathers      = ["${local.arns}:dynamodb:${local.location}:table/${local.prefix}-*-gather"]
  outbox       = ["${local.arns}:dynamodb:${local.location}:table/${local.prefix}-outbox"]
  journal      = [aws_dynamodb_table.operations.arn, "${aws_dynamodb_table.operations.arn}/index/by_day"]
  bus          = ["${local.arns}:events:${local.location}:event-bus/${local.bus_name}"]
  rules        = ["${local.arns}:events:${local.location}:rule/${local.bus_path}${local.on_shared}*"]

  # A mapping's ARN is known by nobody beforehand: the function in the condition names it.
  mapping = {
    Effect    = "Allow"
    Action    = ["lambda:UpdateEventSourceMapping"]
    Resource  = ["${local.arns}:lambda:${local.location}:event-source-mapping:*"]
    Condition = { ArnLike = { "lambda:FunctionArn" = local.functions } }
  }
  key = var.security.key_alias == null ? [] : [{
    Sid      = "Key"
    Effect   = "Allow"
    Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
    Resource = ["${local.arns}:kms:${local.location}:key/*"]
    Condition = {
      "ForAnyValue:StringEquals" = { "kms:ResourceAliases" = [var.security.key_alias] }
      StringEquals               = { "kms:ViaService" = [for service in ["dynamodb", "s3", "sqs"] : "${service}.${var.deployment.region}.amazonaws.com"] }
    }
  }]
  leases = [
    {
      Sid      = "Leases"
      Effect   = "Allow"
      Action   = ["scheduler:CreateSchedule", "scheduler:DeleteSchedule", "scheduler:GetSchedule", "scheduler:UpdateSchedule"]
      Resource = ["${local.arns}:scheduler:${local.location}:schedule/${local.name}/*"]
    },
    {
      Sid       = "Sweeper"
      Effect    = "Allow"
      Action    = ["iam:PassRole"]
      Resource  = [aws_iam_role.sweeper.arn]
      Condition = { StringEquals = { "iam:PassedToService" = "scheduler.amazonaws.com" } }
    },
  ]

  policies = {
    observer = {
      description = "See how ${local.prefix} is, without any payload"
      statements = concat([
        # These have no resource in IAM.
        {
          Sid    = "Numbers"
          Effect = "Allow"
          Action = [
            "cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "events:ListRules", "events:ListReplays", "lambda:GetEventSourceMapping",
            "lambda:ListEventSourceMappings", "logs:DescribeLogGroups", "logs:GetQueryResults", "logs:StopQuery", "scheduler:ListSchedules", "sns:GetSubscriptionAttributes",
            "sqs:ListQueues",
          ]
          Resource = ["*"]
        },
        { Sid = "Depths", Effect = "Allow", Action = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ListQueueTags"], Resource = local.queues },
        { Sid = "Functions", Effect = "Allow", Action = ["lambda:GetAlias", "lambda:GetFunctionConfiguration", "lambda:ListTags", "lambda:ListVersionsByFunction"], Resource = local.functions },
        { Sid = "Logs", Effect = "Allow", Action = ["logs:FilterLogEvents", "logs:StartQuery"], Resource = local.logs },
        { Sid = "LiveTail", Effect = "Allow", Action = ["logs:StartLiveTail"], Resource = ["${local.arns}:logs:${local.location}:log-group:/aws/lambda/${local.prefix}-*"] },
        { Sid = "Rules", Effect = "Allow", Action = ["events:DescribeRule", "events:ListTargetsByRule"], Resource = local.rules },
        { Sid = "Bus", Effect = "Allow", Action = ["events:DescribeEventBus"], Resource = local.bus },
        { Sid = "Archive", Effect = "Allow", Action = ["events:DescribeArchive"], Resource = ["${local.arns}:events:${local.location}:archive/${local.prefix}"] },
        { Sid = "Topics", Effect = "Allow", Action = ["sns:ListSubscriptionsByTopic"], Resource = ["${local.arns}:sns:${local.location}:${local.prefix}-*"] },
        { Sid = "Workflows", Effect = "Allow", Action = ["states:ListExecutions"], Resource = ["${local.arns}:states:${local.location}:stateMachine:${local.prefix}-*"] },
        # What handlers returned and events that wait are payloads: `data` and `pending` are not among these.
        {
          Sid      = "Records"
          Effect   = "Allow"
          Action   = ["dynamodb:BatchGetItem", "dynamodb:GetItem"]
          Resource = local.records
          Condition = {
            "ForAllValues:StringEquals" = {
              "dynamodb:Attributes" = ["alone", "batch", "expiration", "id", "in_progress_expiration", "owner", "shared", "status", "tries", "validation"]
            }
            StringEqualsIfExists = { "dynamodb:Select" = "SPECIFIC_ATTRIBUTES" }
          }
        },
        { Sid = "Journal", Effect = "Allow", Action = ["dynamodb:GetItem", "dynamodb:Query"], Resource = local.journal },
      ], local.key)
    }
    investigator = {
      description = "Read what events of ${local.prefix} hold"
      statements = concat([
        { Sid = "DeadLetters", Effect = "Allow", Action = ["sqs:ChangeMessageVisibility", "sqs:ReceiveMessage"], Resource = local.dead_letters },
        { Sid = "Payloads", Effect = "Allow", Action = ["s3:GetObject"], Resource = ["${local.arns}:s3:::${local.prefix}-*/*"] },
        { Sid = "Results", Effect = "Allow", Action = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"], Resource = concat(local.records, local.gathers, local.outbox) },
        { Sid = "Executions", Effect = "Allow", Action = ["states:DescribeExecution", "states:GetExecutionHistory"], Resource = ["${local.arns}:states:${local.location}:execution:${local.prefix}-*:*"] },
        {
          Sid      = "TailQueues"
          Effect   = "Allow"
          Action   = ["sqs:CreateQueue", "sqs:DeleteMessage", "sqs:DeleteQueue", "sqs:ReceiveMessage", "sqs:SetQueueAttributes", "sqs:TagQueue"]
          Resource = ["${local.arns}:sqs:${local.location}:${local.prefix}-tail-*"]
        },
        {
          Sid      = "TailRules"
          Effect   = "Allow"
          Action   = ["events:DeleteRule", "events:PutRule", "events:PutTargets", "events:RemoveTargets"]
          Resource = ["${local.arns}:events:${local.location}:rule/${local.bus_path}${local.prefix}-tail-*"]
        },
      ], local.leases)
    }
    operator = {
      description = "Redrive, drop, replay, pause and resume in ${local.prefix}"
      statements = concat([
        { Sid = "Send", Effect = "Allow", Action = ["sqs:SendMessage"], Resource = local.queues },
        { Sid = "Remove", Effect = "Allow", Action = ["sqs:DeleteMessage"], Resource = local.dead_letters },
        { Sid = "Move", Effect = "Allow", Action = ["sqs:CancelMessageMoveTask", "sqs:ListMessageMoveTasks", "sqs:StartMessageMoveTask"], Resource = local.dead_letters },
        { Sid = "Free", Effect = "Allow", Action = ["dynamodb:DeleteItem", "dynamodb:UpdateItem"], Resource = local.records },
        { Sid = "Told", Effect = "Allow", Action = ["events:PutEvents"], Resource = local.bus, Condition = { StringEquals = { "events:source" = ["fanout.ops"] } } },
        { Sid = "Journal", Effect = "Allow", Action = ["dynamodb:PutItem", "dynamodb:UpdateItem"], Resource = [aws_dynamodb_table.operations.arn] },
        { Sid = "Dropped", Effect = "Allow", Action = ["s3:PutObject"], Resource = ["${local.arns}:s3:::${local.prefix}-claims-${var.deployment.account_id}/operations/*"] },
        merge(local.mapping, { Sid = "Pause" }),
        {
          Sid      = "ReplayQueues"
          Effect   = "Allow"
          Action   = ["sqs:ChangeMessageVisibility", "sqs:CreateQueue", "sqs:DeleteMessage", "sqs:DeleteQueue", "sqs:ReceiveMessage", "sqs:SetQueueAttributes", "sqs:TagQueue"]
          Resource = ["${local.arns}:sqs:${local.location}:${local.prefix}-replay-*"]
        },
        {
          Sid      = "ReplayRules"
          Effect   = "Allow"
          Action   = ["events:DeleteRule", "events:PutRule", "events:PutTargets", "events:RemoveTargets"]
          Resource = ["${local.arns}:events:${local.location}:rule/${local.bus_path}${local.prefix}-replay-*"]
        },
        {
          Sid    = "Replay"
          Effect = "Allow"
          Action = ["events:CancelReplay", "events:DescribeReplay", "events:StartReplay"]
          Resource = [
            "${local.arns}:events:${local.location}:archive/${local.prefix}",
            "${local.arns}:events:${local.location}:replay/${local.prefix}-replay-*",
          ]
        },
      ], local.leases)
    }
    # Apart from the operator's: who makes a function with a worker's role can do all that the worker can.
    tuner = {
      description = "Measure workers of ${local.prefix} in functions of one's own, with the workers' roles"
      statements = concat([
        { Sid = "Packages", Effect = "Allow", Action = ["lambda:GetFunction"], Resource = local.functions },
        { Sid = "Layers", Effect = "Allow", Action = ["lambda:GetLayerVersion"], Resource = ["${local.arns}:lambda:${var.deployment.region}:*:layer:*:*"] },
        {
          Sid    = "Functions"
          Effect = "Allow"
          Action = [
            "lambda:CreateFunction", "lambda:DeleteFunction", "lambda:GetFunction", "lambda:GetFunctionConfiguration", "lambda:InvokeFunction",
            "lambda:UpdateFunctionConfiguration",
          ]
          Resource = local.temporary.functions
        },
        {
          Sid       = "Roles"
          Effect    = "Allow"
          Action    = ["iam:PassRole"]
          Resource  = ["${local.arns}:iam::${var.deployment.account_id}:role${var.deployment.role_path}${local.prefix}-*"]
          Condition = { StringEquals = { "iam:PassedToService" = "lambda.amazonaws.com" } }
        },
      ], local.leases)
    }
  }
}
