# What an environment has beside its workers: schedules, queues, destinations, its console.

terraform {
  required_version = ">= 1.11"
}

module "declarations" {
  source = "../../modules/declarations"

  folder      = "${path.module}/../.."
  environment = "prod"
}

output "schedules" {
  description = "Events by the clock."
  value       = module.declarations.schedules
}
