# A table with an index and a lifetime, and a bucket that keeps versions.

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

module "store" {
  source = "../../modules/store"

  deployment = local.deployment
  tables     = { invoices = { key = "invoice_id", ttl = "expires_at", indexes = { by-customer = "customer_id/issued_at" } } }
  buckets    = { documents = { versioned = true, expire_days = 3650 } }
}

output "tables" {
  description = "The tables in AWS by their short names."
  value       = module.store.tables
}
