# An event on a bus each working day at six.

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

module "schedule" {
  source = "../../modules/schedule"

  deployment        = local.deployment
  bus_arn           = module.bus.arn
  dead_letter_queue = module.bus.undelivered_queue_arn
  schedules = {
    report = { expression = "cron(0 6 ? * MON-FRI *)", timezone = "Europe/Berlin", event = "shop.reports/ReportDue" }
  }
}
