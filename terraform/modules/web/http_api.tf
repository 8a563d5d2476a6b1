# An HTTP API of API Gateway: every request goes to the app, which has the routes; tokens are checked, and too many
# requests refused, before Lambda is paid for.

resource "aws_apigatewayv2_api" "this" {
  count = length(local.http_api)

  name          = local.name
  description   = var.description
  protocol_type = "HTTP"
}

resource "aws_apigatewayv2_integration" "this" {
  count = length(local.http_api)

  api_id                 = aws_apigatewayv2_api.this[0].id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_alias.live.invoke_arn
  payload_format_version = "2.0"
  timeout_milliseconds   = 1000 * var.timeout_s
}

resource "aws_apigatewayv2_authorizer" "this" {
  count = length([for api in local.http_api : api if api.auth == "jwt"])

  api_id           = aws_apigatewayv2_api.this[0].id
  name             = "jwt"
  authorizer_type  = "JWT"
  identity_sources = ["$request.header.Authorization"]

  jwt_configuration {
    issuer   = local.http_api[0].jwt.issuer
    audience = local.http_api[0].jwt.audience
  }
}

resource "aws_apigatewayv2_route" "this" {
  count = length(local.http_api)

  api_id             = aws_apigatewayv2_api.this[0].id
  route_key          = "$default"
  target             = "integrations/${aws_apigatewayv2_integration.this[0].id}"
  authorization_type = local.http_api[0].auth == "none" ? "NONE" : "JWT"
  authorizer_id      = one(aws_apigatewayv2_authorizer.this[*].id)
}

resource "aws_apigatewayv2_stage" "this" {
  count = length(local.http_api)

  api_id      = aws_apigatewayv2_api.this[0].id
  name        = "$default"
  auto_deploy = true

  default_route_settings {
    throttling_rate_limit  = local.http_api[0].rate
    throttling_burst_limit = local.http_api[0].burst
  }

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access[0].arn
    format = jsonencode({
      requestId        = "$context.requestId"
      time             = "$context.requestTimeEpoch"
      ip               = "$context.identity.sourceIp"
      method           = "$context.httpMethod"
      path             = "$context.path"
      status           = "$context.status"
      bytes            = "$context.responseLength"
      milliseconds     = "$context.responseLatency"
      functionStatus   = "$context.integration.status"
      functionError    = "$context.integration.error"
      authorizerError  = "$context.authorizer.error"
      gatewayError     = "$context.error.messageString"
      functionDuration = "$context.integration.latency"
    })
  }
}

# Under this prefix AWS writes without a policy of the account's ten on log groups:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-CWL.html
resource "aws_cloudwatch_log_group" "access" {
  count = length(local.http_api)

  name              = "/aws/vendedlogs/http-api/${local.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.security.key_arn
}

resource "aws_lambda_permission" "http_api" {
  count = length(local.http_api)

  statement_id  = "http-api"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this.function_name
  qualifier     = aws_lambda_alias.live.name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this[0].execution_arn}/*/$default"
}
