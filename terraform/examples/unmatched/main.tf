# The rules beside the workers': what no worker takes goes to a queue, and the events of S3 come over.

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
  sources    = ["shop.orders", "aws.s3"]
  forwarded  = ["aws.s3"]
}

locals {
  sqs = "arn:aws:sqs:eu-central-1:${data.aws_caller_identity.current.account_id}"
}

module "unmatched" {
  source = "../../modules/unmatched"

  deployment = local.deployment
  bus        = { name = module.bus.name, arn = module.bus.arn }
  queues     = { unmatched = "${local.sqs}:fanout-example-unmatched", undelivered = module.bus.undelivered_queue_arn }
  subscribed = { "shop.orders" = ["OrderPlaced"], "aws.s3" = ["Object Created"] }
  forwarded  = { "aws.s3" = jsonencode({ source = ["aws.s3"], detail-type = ["Object Created"] }) }
}

output "queue" {
  description = "Where the events are that no worker takes."
  value       = module.bus.unmatched_queue
}
