# Production on AWS: what is stored, or may be stuck, is refused to be destroyed.
# Credentials come from the environment, as for every AWS tool.

terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # Bucket and region: terraform init -backend-config=bucket=... -backend-config=region=...
  backend "s3" {
    key          = "fanout/prod.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = { project = "fanout", environment = "prod" }
  }
}

module "platform" {
  source = "../../modules/platform"

  namespace               = "fanout-prod"
  services_dir            = "${path.root}/../../../services"
  contracts_dir           = "${path.root}/../../../shared/contracts/schemas"
  packages_dir            = "${path.root}/../../../build/packages/aws"
  create_email_identities = var.create_email_identities
  customer_managed_key    = true
  archive_days            = 90
  claims_retention_days   = 118 # as the archive, and 28 days in queue and DLQ after a replay
  publishers              = var.publishers
  protect                 = true
  log_retention_days      = 90
  observability           = { alarm_emails = var.alarm_emails }
  traffic_shift           = { steps = [10, 50], minutes = 10 }

  # The storefront behind a router, where `router` says where: see docs/explanation/router.md.
  router = var.router
  web    = var.router == null ? {} : { storefront = {} }
}
