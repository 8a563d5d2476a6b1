# Canaries by the clock: a function that runs what `fanout canary` runs, and the alarms on what it finds. modules/schedule
# invokes it.

locals {
  alarm_actions = concat(compact([var.alarm_topic]), sort(var.alarm_actions))
  ok_actions    = var.ok_actions == null ? local.alarm_actions : sort(var.ok_actions)
  name          = "${var.deployment.namespace}-canary"
  bus_name      = split("/", var.bus_arn)[1]
  location      = "${var.deployment.region}:${var.deployment.account_id}"

  # Asking the functions, sending, and looking for the cause of what did not come through.
  timeout_s = min(900, var.limit_s + max(0, values(var.workers)...) + 180)

  amount   = tonumber(regex("[0-9]+", var.every))
  period_s = local.amount * (strcontains(var.every, "hour") ? 3600 : 60)
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${local.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.security.key_arn
}

resource "aws_lambda_function" "this" {
  function_name           = local.name
  description             = "Send canaries through every hop"
  role                    = aws_iam_role.this.arn
  s3_bucket               = var.package.bucket
  s3_key                  = var.package.key
  source_code_hash        = var.package.hash
  handler                 = var.package.handler
  code_signing_config_arn = var.deployment.code_signing_config
  runtime                 = var.package.runtime
  architectures           = [var.package.architecture]
  layers                  = var.package.layers
  memory_size             = 512
  timeout                 = local.timeout_s

  # Two runs at once would take each other's canaries out of the DLQs.
  reserved_concurrent_executions = 1

  environment {
    variables = merge(
      {
        FANOUT_NAMESPACE      = var.deployment.namespace
        FANOUT_CANARY_LIMIT_S = tostring(var.limit_s)
      },
      local.bus_name == var.deployment.namespace ? {} : { FANOUT_EVENT_BUS = local.bus_name },
      var.environment,
    )
  }

  # Else Lambda makes a log group of its own that is kept for ever.
  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy.this]
}

# A run that fails has told so; the next one is Scheduler's.
resource "aws_lambda_function_event_invoke_config" "this" {
  function_name                = aws_lambda_function.this.function_name
  maximum_retry_attempts       = 0
  maximum_event_age_in_seconds = max(60, min(local.period_s, 21600))
}

resource "aws_cloudwatch_metric_alarm" "failed" {
  alarm_name          = "${local.name}-failed"
  alarm_description   = "A canary did not come through: the log of ${local.name} names the hop, the likely cause and the fix. Runbook: docs/how-to/answer-an-alarm.md#a-canary-is-missing"
  namespace           = "fanout"
  metric_name         = "CanaryFailedHops"
  dimensions          = { namespace = var.deployment.namespace }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "ignore" # it rings until the next run says otherwise
  alarm_actions       = local.alarm_actions
  ok_actions          = local.ok_actions
}

resource "aws_cloudwatch_metric_alarm" "silent" {
  alarm_name          = "${local.name}-silent"
  alarm_description   = "Canaries did not come through in three runs, or there were no runs: see the log and the metric Errors of ${local.name}. Runbook: docs/how-to/answer-an-alarm.md#a-canary-is-missing"
  namespace           = "fanout"
  metric_name         = "CanarySuccessfulRuns"
  dimensions          = { namespace = var.deployment.namespace }
  statistic           = "Sum"
  period              = local.period_s
  evaluation_periods  = 3
  threshold           = 1
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "breaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.ok_actions
}
