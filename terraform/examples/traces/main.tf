# The spans of one worker go to a collector.

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

module "traces" {
  source = "../../modules/traces"

  deployment     = local.deployment
  endpoint       = "https://otlp.example.com"
  headers_secret = "fanout-example/collector"
  log_groups     = { billing = "/aws/lambda/fanout-example-billing" }
  package = merge(var.code, {
    handler      = "fanout.tracing.forwarder.handler"
    runtime      = "python3.13"
    architecture = "arm64"
    layers       = []
  })
}

output "forwarder" {
  description = "The function that sends them."
  value       = module.traces.forwarder
}
