output "schedules" {
  description = "Events by the clock, as `fanout new worker --schedule` writes them."
  value       = local.read.schedules
}

output "queues" {
  description = "Queues that are not the platform's, as `fanout new worker --from-queue` writes them."
  value       = local.read.queues
}

output "bus_destinations" {
  description = "Buses elsewhere and APIs that get events; `where` is JSON, as no two patterns have one type."
  value       = { for name, it in local.read.bus_destinations : name => merge(it, { where = can(it.where) ? jsonencode(it.where) : null }) }
}

output "console" {
  description = "Who signs in to the console, and as what; null when there is none."
  value       = var.root != null && fileexists(local.console) ? merge(yamldecode(file(local.console)), { environment = var.environment }) : null
}
