# By a computed name, so that an alarm need not wait for what it watches.
output "watched" {
  description = "The name of the queue of what could not be handed over."
  value       = { dead_letter_queue = local.queue_name }
}
