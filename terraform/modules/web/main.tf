# A web function: an ASGI or WSGI app in Lambda. Its alias `live` is what is invoked: by a router, which it then serves
# (docs/explanation/router.md), by a function URL (url.tf), or by an HTTP API (http_api.tf).

locals {
  name     = "${var.deployment.namespace}-${var.name}"
  location = "${var.deployment.region}:${var.deployment.account_id}"
  arns     = "arn:${var.deployment.partition}"
  # Of what stands before the function, one or none: lists, for `count`.
  url       = var.via == "url" ? [var.url] : []
  http_api  = var.via == "http_api" ? [var.http_api] : []
  streaming = try(local.url[0].streaming, false)
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
  code_signing_config_arn        = var.deployment.code_signing_config
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
      length(var.publishes) == 0 ? {} : { FANOUT_BUS = var.bus.name, FANOUT_CLAIMS_BUCKET = var.claims_bucket.name },
      module.configuration.environment,
      # Python's managed runtime sends an answer when it is whole; the adapter's own loop sends it as it comes.
      local.streaming ? { AWS_LAMBDA_EXEC_WRAPPER = "/var/task/fanout_stream" } : {},
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
  description      = "The version that is invoked"
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version
}
