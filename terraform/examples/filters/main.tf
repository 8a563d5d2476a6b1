# How many combinations SNS counts of a filter.

terraform {
  required_version = ">= 1.11"
}

module "filters" {
  source = "../../modules/filters"

  policies = { billing = jsonencode({ detail-type = ["OrderPlaced", "OrderCancelled"], detail = { data = { country = ["DE", "FR", "IT"] } } }) }
}

output "combinations" {
  description = "SNS takes 150."
  value       = module.filters.combinations
}
