# Alarms, a dashboard and saved queries of one worker.

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

module "observability" {
  source = "../../modules/observability"

  deployment         = local.deployment
  bus_name           = "fanout-example"
  topics             = ["fanout-example-shop-orders"]
  dead_letter_queues = ["fanout-example-billing-dlq", "fanout-example-unmatched"]
  emails             = ["on-call@example.com"]
  workers = {
    billing = {
      queue              = "fanout-example-billing"
      dead_letter_queues = ["fanout-example-billing-dlq"]
      function           = "fanout-example-billing"
      log_group          = "/aws/lambda/fanout-example-billing"
      age_s              = 900
      domains            = ["shop.orders"]
    }
  }
}

output "alarm_topic" {
  description = "What every alarm speaks to."
  value       = module.observability.alarm_topic
}
