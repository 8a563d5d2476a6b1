output "function" {
  description = "The function, by name and ARN."
  value = {
    name = aws_lambda_function.this.function_name
    arn  = aws_lambda_function.this.arn
  }
}

output "log_group" {
  description = "The log group, which names each hop that does not deliver."
  value       = aws_cloudwatch_log_group.this.name
}
