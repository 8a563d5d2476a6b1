# A function that proves each quarter of an hour that a worker still gets its events.

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

resource "aws_sns_topic" "alarms" {
  name              = "fanout-example-alarms"
  kms_master_key_id = "alias/aws/sns"
}

module "canary" {
  source = "../../modules/canary"

  deployment    = local.deployment
  every         = "rate(15 minutes)"
  workers       = { billing = 0 }
  sources       = ["shop.orders"]
  event_buckets = []
  bus_arn       = "arn:aws:events:eu-central-1:111122223333:event-bus/fanout-example"
  alarm_topic   = aws_sns_topic.alarms.arn
  package = merge(var.code, {
    handler      = "fanout_tools.canary.scheduled.handler"
    runtime      = "python3.13"
    architecture = "arm64"
    layers       = []
  })
}

output "function" {
  description = "What the schedule invokes."
  value       = module.canary.function
}
