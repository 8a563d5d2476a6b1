output "name" {
  description = "The bus's name."
  value       = aws_cloudwatch_event_bus.this.name
}

output "arn" {
  description = "The bus's ARN."
  value       = aws_cloudwatch_event_bus.this.arn
}

# By computed names, so that an alarm need not wait for what it watches.
output "dead_letter_queues" {
  description = "The names of the queues where events end that no worker takes, or that the bus cannot deliver."
  value       = ["${local.name}-unmatched", "${local.name}-undelivered"]
}

output "unmatched_queue" {
  description = "URL of the queue with the events that no worker subscribes to."
  value       = aws_sqs_queue.unmatched.url
}

output "undelivered_queue_arn" {
  description = "ARN of the queue with the events that the bus's own rules could not deliver."
  value       = aws_sqs_queue.undelivered.arn
}

output "undelivered_queue" {
  description = "URL of the queue with the events that the bus's own rules could not deliver."
  value       = aws_sqs_queue.undelivered.url
}
