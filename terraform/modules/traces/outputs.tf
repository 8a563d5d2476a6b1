output "forwarder" {
  description = "The function that sends spans to the collector."
  value = {
    name      = aws_lambda_function.this.function_name
    arn       = aws_lambda_function.this.arn
    log_group = aws_cloudwatch_log_group.this.name
  }
}
