# A state machine that each placed order starts.

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

locals {
  reserve = "arn:aws:lambda:eu-central-1:${data.aws_caller_identity.current.account_id}:function:fanout-example-reserve:live"
}

module "fulfilment" {
  source = "../../modules/workflow"

  deployment = local.deployment
  name       = "fulfilment"
  bus_name   = module.bus.name
  pattern    = jsonencode({ source = ["shop.orders"], detail-type = ["OrderPlaced"] })
  functions  = [local.reserve]
  definition = jsonencode({
    StartAt        = "Reserve"
    TimeoutSeconds = 300
    States         = { Reserve = { Type = "Task", Resource = local.reserve, End = true } }
  })
}

output "arn" {
  description = "The state machine."
  value       = module.fulfilment.arn
}
