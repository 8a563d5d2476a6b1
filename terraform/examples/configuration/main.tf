# A parameter and a secret, and the statements that let a function read them.

terraform {
  required_version = ">= 1.11"
}

module "configuration" {
  source = "../../modules/configuration"

  deployment = { namespace = "fanout-example", partition = "aws", region = "eu-central-1", account_id = "111122223333" }
  parameters = { tax-rate = "billing/tax-rate" }
  secrets    = { payment = "/shared/payment-provider" }
}

output "environment" {
  description = "What the function is told."
  value       = module.configuration.environment
}

output "statements" {
  description = "What its role may do."
  value       = module.configuration.statements
}
