# An outbox: what workers write to its table in their own transactions gets onto the bus.

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

variable "code" {
  description = "The function's code: an object in S3, and the base64 SHA-256 of its content."
  type        = object({ bucket = string, key = string, hash = string })
}

module "bus" {
  source = "../../modules/bus"

  deployment = local.deployment
  sources    = ["shop.orders"]
}

module "store" {
  source = "../../modules/store"

  deployment = local.deployment
}

module "outbox" {
  source = "../../modules/outbox"

  deployment = local.deployment
  package = merge(var.code, {
    handler      = "fanout.outbox.relay.handler"
    runtime      = "python3.13"
    architecture = "arm64"
    layers       = []
  })
  bus           = { name = module.bus.name, arn = module.bus.arn }
  publishes     = ["shop.billing/InvoiceIssued"]
  claims_bucket = module.store.claims_bucket
}

output "table" {
  description = "Where workers write events."
  value       = module.outbox.table
}
