output "arn" {
  description = "The state machine's ARN."
  value       = aws_sfn_state_machine.this.arn
}

output "undelivered_queue" {
  description = "URL of the queue with the events that could not start it."
  value       = aws_sqs_queue.undelivered.url
}

# By computed names, so that an alarm need not wait for what it watches.
output "watched" {
  description = "The names of what alarms and dashboards are to watch."
  value       = { arn = local.machine_arn, dead_letter_queue = local.undelivered_name }
}
