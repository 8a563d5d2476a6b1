output "arn" {
  description = "The topic's ARN."
  value       = aws_sns_topic.this.arn
}

output "undelivered_queue" {
  description = "URL of the DLQ between the bus and the topic."
  value       = aws_sqs_queue.undelivered.url
}
