# A web function behind an HTTP API with tokens of one issuer.

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

module "storefront" {
  source = "../../modules/web"

  deployment = local.deployment
  name       = "storefront"
  via        = "http_api"
  timeout_s  = 20
  http_api   = { jwt = { issuer = "https://login.example.com/", audience = ["shop"] } }
  package = merge(var.code, {
    handler      = "services.storefront.handler.handler"
    runtime      = "python3.13"
    architecture = "arm64"
    layers       = []
  })

  alarm_topic = aws_sns_topic.alarms.arn
}

output "address" {
  description = "Where it is called."
  value       = module.storefront.address
}
