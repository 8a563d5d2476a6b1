# A shared development environment on AWS. Credentials come from the environment, as for every AWS tool.

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
    key          = "fanout/dev.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = { project = "fanout", environment = "dev" }
  }
}

module "platform" {
  source = "../../modules/platform"

  namespace               = "fanout-dev"
  services_dir            = "${path.root}/../../../services"
  contracts_dir           = "${path.root}/../../../shared/contracts/schemas"
  packages_dir            = "${path.root}/../../../build/packages/aws"
  create_email_identities = var.create_email_identities
  force_destroy           = true
  bus_grants              = var.bus_grants
  log_retention_days      = 14
  observability           = { alarm_emails = var.alarm_emails }
}
