# By a computed name, so that an alarm need not wait for what it watches.
output "watched" {
  description = "The name of the pipe that an alarm is to watch."
  value       = local.name
}
