# The console behind a router: people sign in at the load balancer, and its function assumes a role for each of them.

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

variable "client_secret" {
  description = "The client's secret with the identity provider."
  type        = string
  sensitive   = true
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

module "operators" {
  source = "../../modules/operators"

  deployment = local.deployment
}

module "console" {
  source = "../../modules/console"

  deployment = local.deployment
  package = merge(var.code, {
    handler      = "fanout_console.handler"
    runtime      = "python3.13"
    architecture = "arm64"
    layers       = []
  })
  settings = {
    environment = "prod"
    host        = "console.example.org"
    groups      = { observer = ["staff"], operator = ["on-call"] }
    oidc = {
      issuer                 = "https://id.example.org"
      authorization_endpoint = "https://id.example.org/authorize"
      token_endpoint         = "https://id.example.org/token"
      user_info_endpoint     = "https://id.example.org/userinfo"
      client_id              = "console"
    }
  }
  client_secret = var.client_secret
  policies      = { for role in ["observer", "investigator", "operator"] : role => module.operators.policies[role] }
  router        = module.router.balancer
  vpc           = { subnet_ids = ["subnet-0123456789abcdef2"], security_group_ids = [module.router.web_security_group] }
}

output "address" {
  description = "Where people open it."
  value       = module.console.address
}
