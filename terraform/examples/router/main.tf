# A router in a VPC that is there already, in front of one web function.

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

resource "aws_sns_topic" "alarms" {
  name              = "fanout-example-alarms"
  kms_master_key_id = "alias/aws/sns"
}

module "router" {
  source = "../../modules/router"

  deployment = local.deployment
  vpc = {
    id                 = "vpc-0123456789abcdef0"
    public_cidr_blocks = ["10.0.0.0/24", "10.0.1.0/24"]
    public_subnet_ids  = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
    private_subnet_ids = ["subnet-0123456789abcdef2", "subnet-0123456789abcdef3"]
  }
  image_tag       = "2026-11-01"
  certificate_arn = "arn:aws:acm:eu-central-1:111122223333:certificate/01234567-89ab-cdef-0123-456789abcdef"
  control_secret  = { arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:fanout-example/router-AbCdEf" }
  functions = {
    storefront = {
      arn       = "arn:aws:lambda:eu-central-1:111122223333:function:fanout-example-storefront"
      alias     = "live"
      timeout_s = 900
    }
  }
  alarm_topic = aws_sns_topic.alarms.arn
}

output "address" {
  description = "What the name in DNS is to be an alias of."
  value       = module.router.address
}
