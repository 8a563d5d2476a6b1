# A web function: an ASGI or WSGI app in Lambda, which a router invokes and which serves what the router sends it; see
# docs/explanation/router.md. Its alias `live` is what is invoked.

locals {
  name     = "${var.deployment.namespace}-${var.name}"
  location = "${var.deployment.region}:${var.deployment.account_id}"
  arns     = "arn:${var.deployment.partition}"
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${local.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.security.key_arn
}

resource "aws_lambda_function" "this" {
  function_name                  = local.name
  description                    = var.description
  role                           = aws_iam_role.this.arn
  s3_bucket                      = var.package.bucket
  s3_key                         = var.package.key
  source_code_hash               = var.package.hash
  handler                        = var.package.handler
  runtime                        = var.package.runtime
  architectures                  = [var.package.architecture]
  layers                         = var.package.layers
  memory_size                    = var.memory_mb
  timeout                        = var.timeout_s
  reserved_concurrent_executions = coalesce(var.reserved_concurrency, -1)
  publish                        = true

  environment {
    variables = merge(
      { FANOUT_NAMESPACE = var.deployment.namespace },
      !var.publishes ? {} : { FANOUT_BUS = var.bus.name, FANOUT_CLAIMS_BUCKET = var.claims_bucket.name },
      module.configuration.environment,
      var.environment,
    )
  }

  dynamic "vpc_config" {
    for_each = var.vpc == null ? [] : [var.vpc]
    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  # Else Lambda makes a log group of its own that is kept for ever.
  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy.this]
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  description      = "The version that routers invoke"
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version
}
