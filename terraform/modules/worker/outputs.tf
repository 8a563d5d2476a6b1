output "queue" {
  description = "The worker's queue."
  value = {
    name = aws_sqs_queue.main.name
    url  = aws_sqs_queue.main.url
    arn  = aws_sqs_queue.main.arn
  }
}

output "dead_letter_queue" {
  description = "The worker's DLQ."
  value = {
    name = aws_sqs_queue.dead_letter.name
    url  = aws_sqs_queue.dead_letter.url
    arn  = aws_sqs_queue.dead_letter.arn
  }
}

output "function" {
  description = "The worker's function and the alias that its events go to."
  value = {
    name    = aws_lambda_function.this.function_name
    arn     = aws_lambda_function.this.arn
    alias   = aws_lambda_alias.live.name
    version = aws_lambda_function.this.version
    live    = terraform_data.live.output
    mapping = aws_lambda_event_source_mapping.queue.uuid
  }
}

# By computed names, so that an alarm need not wait for what it watches.
output "watched" {
  description = "The names of what alarms and dashboards are to watch."
  value = {
    queue              = local.queue_name
    dead_letter_queues = concat([local.dlq_name], local.fifo ? ["${local.name}-undelivered-dlq"] : [])
    function           = local.name
    log_group          = "/aws/lambda/${local.name}"
  }
}

output "role" {
  description = "The name of the role that the function runs with."
  value       = aws_iam_role.this.name
}

output "log_group" {
  description = "The function's log group."
  value       = aws_cloudwatch_log_group.this.name
}
