# Production on AWS: what is stored, or may be stuck, is refused to be destroyed.
# Credentials come from the environment, as for every AWS tool.

terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7"
    }
  }

  # Bucket and region: terraform init -backend-config=bucket=... -backend-config=region=...
  # The key is `make`'s to say, as each region has a state of its own: -backend-config=key=fanout/<region>/prod.tfstate
  backend "s3" {
    encrypt      = true
    use_lockfile = true
  }
}

# The region is that of AWS's own variables and profiles; there is no default.
provider "aws" {
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = { project = "fanout", environment = "prod", owner = "platform" }
  }
}

data "aws_region" "current" {}

module "naming" {
  source = "../../modules/naming"

  environment = "fanout-prod"
  region      = data.aws_region.current.id
  namespace   = var.namespace
}

locals {
  schedules    = "${path.root}/../../schedules.yaml"        # as `fanout new worker --schedule` writes it
  queues       = "${path.root}/../../queues.yaml"           # as `fanout new worker --from-queue` writes it
  destinations = "${path.root}/../../bus_destinations.yaml" # buses elsewhere that get events
  console      = "${path.root}/console.yaml"                # who signs in to the console, and as what
}

module "platform" {
  source = "../../modules/platform"

  stack                 = var.stacks ? terraform.workspace : null # each stack is a workspace: docs/how-to/deploy.md
  held_events           = var.held_events
  namespace             = module.naming.namespace
  services_dir          = "${path.root}/../../../services"
  contracts_dir         = "${path.root}/../../../shared/contracts/schemas"
  packages_dir          = "${path.root}/../../../build/packages/aws"
  schedules             = yamldecode(fileexists(local.schedules) ? file(local.schedules) : "{}")
  queues                = yamldecode(fileexists(local.queues) ? file(local.queues) : "{}")
  bus_destinations      = { for name, it in yamldecode(fileexists(local.destinations) ? file(local.destinations) : "{}") : name => merge(it, { where = can(it.where) ? jsonencode(it.where) : null }) }
  customer_managed_key  = true
  permissions_boundary  = var.permissions_boundary
  bus_grants            = var.bus_grants
  canary                = var.canary
  archive_days          = 90
  claims_retention_days = 118 # as the archive, and 28 days in queue and DLQ after a replay
  publishers            = var.publishers
  protect               = true
  log_retention_days    = 90
  observability         = { alarm_emails = var.alarm_emails, alarm_urls = var.alarm_urls }
  traffic_shift         = { steps = [10, 50], minutes = 10 }

  # The storefront behind a router, where `router` says where: see docs/explanation/router.md.
  router = var.router
  web    = var.router == null ? {} : { storefront = {} }

  # The console behind the same router, where console.yaml says for whom: see docs/how-to/deploy-the-console.md.
  console               = fileexists(local.console) ? merge(yamldecode(file(local.console)), { environment = "prod" }) : null
  console_client_secret = var.console_client_secret
}
