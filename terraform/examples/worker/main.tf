# A worker that takes orders straight from a bus.

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

module "billing" {
  source = "../../modules/worker"

  deployment = local.deployment
  name       = "billing"
  manifest = {
    description = "Issue an invoice for each placed order"
    function    = { memory_mb = 256, timeout_s = 30, architecture = "arm64", provisioned_concurrency = 0 }
    batch       = { size = 10, window_s = 0 }
    queue       = { fifo = false, retention_days = 4, max_receives = 5, backstop = 1000, visibility_s = 180 }
  }
  package = merge(var.code, {
    handler      = "services.billing.handler.handler"
    runtime      = "python3.13"
    architecture = "arm64"
    layers       = []
  })
  bus           = { name = module.bus.name, arn = module.bus.arn, publishes = ["shop.billing/InvoiceIssued"] }
  rules         = { "shop.orders/OrderPlaced" = jsonencode({ source = ["shop.orders"], detail-type = ["OrderPlaced"] }) }
  claims_bucket = module.store.claims_bucket
}

output "queue" {
  description = "The worker's queue."
  value       = module.billing.queue.url
}
