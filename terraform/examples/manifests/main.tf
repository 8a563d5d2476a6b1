# The workers of a project as data, with every default.

terraform {
  required_version = ">= 1.11"
}

variable "project" {
  description = "The project's folder, with services/ and shared/contracts/schemas/."
  type        = string
  default     = "../../.."
}

module "manifests" {
  source = "../../modules/manifests"

  services_dir  = "${var.project}/services"
  contracts_dir = "${var.project}/shared/contracts/schemas"
}

output "memory_mb" {
  description = "The memory of each worker."
  value       = { for name, worker in module.manifests.workers : name => worker.function.memory_mb }
}
