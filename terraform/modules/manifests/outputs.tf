output "workers" {
  description = "The workers by name, as declared, with every default filled in, and the folder of each."
  value       = local.workers
}

output "problems" {
  description = "What is wrong with their files; they are refused for it when they are planned."
  value       = local.problems
}

output "sources" {
  description = "The sources of the events that the contracts declare."
  value       = toset([for event in local.events : split("/", event)[0]])
}
