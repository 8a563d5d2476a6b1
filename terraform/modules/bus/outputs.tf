output "name" {
  description = "The bus's name."
  value       = local.bus.name
}

output "arn" {
  description = "The bus's ARN."
  value       = local.bus.arn
}

output "undelivered_queue_arn" {
  description = "ARN of the queue with the events that the bus's own rules could not deliver."
  value       = aws_sqs_queue.undelivered.arn
}

output "undelivered_queue" {
  description = "URL of the queue with the events that the bus's own rules could not deliver."
  value       = aws_sqs_queue.undelivered.url
}

output "unmatched_queue" {
  description = "URL of the queue with the events that no worker subscribes to."
  value       = aws_sqs_queue.unmatched.url
}
