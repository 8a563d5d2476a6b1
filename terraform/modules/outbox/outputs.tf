output "table" {
  description = "The table that workers write events to."
  value = {
    name = aws_dynamodb_table.this.name
    arn  = aws_dynamodb_table.this.arn
  }
}

output "relay" {
  description = "The function that publishes them."
  value = {
    name      = aws_lambda_function.relay.function_name
    log_group = aws_cloudwatch_log_group.relay.name
    mapping   = aws_lambda_event_source_mapping.stream.uuid
  }
}

# By computed names, so that an alarm need not wait for what it watches.
output "watched" {
  description = "The names of what alarms and dashboards are to watch."
  value       = { dead_letter_queue = local.undelivered_name, function = local.name }
}

output "undelivered_queue" {
  description = "URL of the queue that tells what part of the stream was given up."
  value       = aws_sqs_queue.undelivered.url
}
