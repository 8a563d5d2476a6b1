# The first part of every name of an environment.

terraform {
  required_version = ">= 1.11"
}

module "naming" {
  source = "../../modules/naming"

  environment = "fanout-prod"
  region      = "eu-central-1"
}

output "namespace" {
  description = "fanout-prod-euc1."
  value       = module.naming.namespace
}
