output "function" {
  description = "The function and the alias that is invoked."
  value = {
    name      = aws_lambda_function.this.function_name
    arn       = aws_lambda_function.this.arn
    alias     = aws_lambda_alias.live.name
    log_group = aws_cloudwatch_log_group.this.name
  }
}

output "role" {
  description = "The name of the role that the function runs with."
  value       = aws_iam_role.this.name
}

output "address" {
  description = "Where the function is called; null behind a router, which has the address."
  value       = one(concat(aws_lambda_function_url.this[*].function_url, aws_apigatewayv2_api.this[*].api_endpoint))
}

output "access_log" {
  description = "The log group of the HTTP API's requests; null where there is none."
  value       = one(aws_cloudwatch_log_group.access[*].name)
}

output "policy" {
  description = "What the role may do, as JSON."
  value       = aws_iam_role_policy.this.policy
}

output "environment" {
  description = "The variables that the function has."
  value       = aws_lambda_function.this.environment[0].variables
}
