# A queue of another team's becomes events on a bus.

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

module "legacy" {
  source = "../../modules/queue_source"

  deployment = local.deployment
  name       = "legacy"
  queue      = "legacy-orders"
  event      = "shop.orders/OrderPlaced"
  bus_arn    = module.bus.arn
}

output "pipe" {
  description = "The pipe between the two."
  value       = module.legacy.watched
}
