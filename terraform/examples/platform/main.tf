# A whole environment, from the worker.yaml of each folder of services/: see terraform/environments for four more.

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

variable "project" {
  description = "The folder with services/ and shared/contracts/schemas/."
  type        = string
  default     = "../../.."
}

variable "packages_dir" {
  description = "The directory with the functions' packages, as `make build` writes it."
  type        = string
  default     = "../../../build/packages/aws"
}

module "platform" {
  source = "../../modules/platform"

  namespace     = "fanout-example"
  services_dir  = "${var.project}/services"
  contracts_dir = "${var.project}/shared/contracts/schemas"
  packages_dir  = var.packages_dir
}

output "workers" {
  description = "The workers by name."
  value       = module.platform.workers
}
