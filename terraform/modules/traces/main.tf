# Spans of the workers' batches, sent to a collector as they are logged: a function that is subscribed to the log groups.
# Deployed only when there is an endpoint. What is lost here is lost to the collector alone: the log keeps it.

locals {
  name          = "${var.deployment.namespace}-traces"
  location      = "${var.deployment.region}:${var.deployment.account_id}"
  arns          = "arn:${var.deployment.partition}"
  log_group     = "/aws/lambda/${local.name}"
  log_group_arn = "${local.arns}:logs:${local.location}:log-group"
}

resource "aws_cloudwatch_log_group" "this" {
  name              = local.log_group
  retention_in_days = var.log_retention_days
  kms_key_id        = var.security.key_arn
}

resource "aws_lambda_function" "this" {
  function_name           = local.name
  description             = "Send the spans of workers to a collector"
  role                    = aws_iam_role.this.arn
  s3_bucket               = var.package.bucket
  s3_key                  = var.package.key
  source_code_hash        = var.package.hash
  handler                 = var.package.handler
  code_signing_config_arn = var.deployment.code_signing_config
  runtime                 = var.package.runtime
  architectures           = [var.package.architecture]
  layers                  = var.package.layers
  memory_size             = 256
  timeout                 = 30

  environment {
    variables = merge(
      {
        FANOUT_NAMESPACE     = var.deployment.namespace
        FANOUT_OTLP_ENDPOINT = var.endpoint
      },
      module.configuration.environment,
      var.environment,
    )
  }

  # Else Lambda makes a log group of its own that is kept for ever.
  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy.this]
}

# One for each log group: a permission for all of a prefix would be one for log groups that others make.
resource "aws_lambda_permission" "logs" {
  for_each = var.log_groups

  statement_id   = each.key
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.this.function_name
  principal      = "logs.amazonaws.com"
  source_arn     = "${local.log_group_arn}:${each.value}:*"
  source_account = var.deployment.account_id
}
