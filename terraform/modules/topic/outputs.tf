output "arn" {
  description = "The topic's ARN."
  value       = aws_sns_topic.this.arn
}

# By computed names, so that an alarm need not wait for what it watches.
output "watched" {
  description = "The names of what alarms and dashboards are to watch."
  value       = { topic = local.name, dead_letter_queue = local.undelivered_name }
}

output "undelivered_queue" {
  description = "URL of the DLQ between the bus and the topic."
  value       = aws_sqs_queue.undelivered.url
}
