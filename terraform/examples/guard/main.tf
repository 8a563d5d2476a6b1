# A queue that a plan refuses to destroy.

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

resource "aws_sqs_queue" "kept" {
  name                    = "fanout-example-kept"
  sqs_managed_sse_enabled = true
}

module "guard" {
  source = "../../modules/guard"

  protect = true
  guarded = [aws_sqs_queue.kept.name]
}

output "guarded" {
  description = "What is kept."
  value       = module.guard.guarded
}
