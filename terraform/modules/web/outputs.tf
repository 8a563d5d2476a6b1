output "function" {
  description = "The function and the alias that routers invoke."
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
