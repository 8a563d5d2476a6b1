# What every environment says of itself: each environment's folder has this file.

output "bus" {
  description = "The bus, and where the events end that no worker takes or that the bus cannot deliver."
  value       = module.platform.bus
}

output "workers" {
  description = "The workers by name: queue, DLQ, function, role, log group."
  value       = module.platform.workers
}

output "tables" {
  description = "The workers' tables: their names in AWS by the names in worker.yaml."
  value       = module.platform.tables
}

output "buckets" {
  description = "The workers' buckets: their names in AWS by the names in worker.yaml."
  value       = module.platform.buckets
}

output "alarm_topic" {
  description = "ARN of the topic that every alarm speaks to."
  value       = module.platform.alarm_topic
}

output "claims_bucket" {
  description = "The name of the bucket of the data of large events."
  value       = module.platform.claims_bucket
}

output "outbox" {
  description = "The outbox's table, relay and undelivered queue; null when no worker has one."
  value       = module.platform.outbox
}

output "traffic" {
  description = "What `make deploy` shifts the workers' traffic by."
  value       = module.platform.traffic
}

output "workflows" {
  description = "The workflows by name: the state machine, and the queue of what could not start it."
  value       = module.platform.workflows
}

output "router" {
  description = "The router: its load balancer's address, its image's repository, its service; null when there is none."
  value       = module.platform.router
}

output "web" {
  description = "Where web functions without a router are called, by name."
  value       = { for name, function in module.platform.web : name => function.address if function.address != null }
}

output "operators" {
  description = "The journal's table, and the policies to give to people on call."
  value       = module.platform.operators
}

output "stack" {
  description = "What stands in this state, and what other stacks depend on of it."
  value       = module.platform.stack
}

output "console" {
  description = "Where people open the console; null when there is none."
  value       = try(module.platform.console.address, null)
}
