# The last step before production, on AWS: as prod, but it may be destroyed, and keeps less.
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
    key          = "fanout/staging.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = { project = "fanout", environment = "staging" }
  }
}

module "platform" {
  source = "../../modules/platform"

  namespace               = "fanout-staging"
  services_dir            = "${path.root}/../../../services"
  contracts_dir           = "${path.root}/../../../shared/contracts/schemas"
  packages_dir            = "${path.root}/../../../build/packages/aws"
  create_email_identities = var.create_email_identities
  customer_managed_key    = true
  archive_days            = 14
  publishers              = var.publishers
  force_destroy           = true
  log_retention_days      = 30
  observability           = { alarm_emails = var.alarm_emails }
  traffic_shift           = { steps = [50] }

  # The storefront behind a router, where `router` says where: see docs/explanation/router.md.
  router = var.router
  web    = var.router == null ? {} : { storefront = {} }
}
