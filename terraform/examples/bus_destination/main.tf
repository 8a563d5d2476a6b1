# Invoices in dollars go to the bus of another account.

terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7"
    }
  }
}

provider "aws" {
  region      = "eu-central-1"
  retry_mode  = "adaptive"
  max_retries = 25

  default_tags {
    tags = { project = "fanout", environment = "example" }
  }
}

data "aws_caller_identity" "current" {}

locals {
  deployment = {
    namespace  = "fanout-example"
    partition  = "aws"
    region     = "eu-central-1"
    account_id = data.aws_caller_identity.current.account_id
  }
}

module "bus" {
  source = "../../modules/bus"

  deployment = local.deployment
  sources    = ["shop.orders"]
}

module "ledger" {
  source = "../../modules/bus_destination"

  deployment = local.deployment
  name       = "ledger"
  bus_name   = module.bus.name
  bus        = "arn:aws:events:eu-central-1:444455556666:event-bus/ledger"
  events     = ["shop.billing/InvoiceIssued"]
  where      = jsonencode({ currency = ["USD"] })
}

output "undelivered" {
  description = "The queue of what the other bus did not take."
  value       = module.ledger.watched.dead_letter_queue
}
