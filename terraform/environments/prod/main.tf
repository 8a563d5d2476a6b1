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
  retry_mode          = "adaptive" # AWS makes 3 alarms a second: what it throttles is called less often
  max_retries         = 25         # whatever AWS_MAX_ATTEMPTS says

  default_tags {
    tags = merge(var.tags, { project = "fanout", environment = "prod", owner = var.owner })
  }
}

data "aws_region" "current" {}

module "naming" {
  source = "../../modules/naming"

  environment = "fanout-prod"
  region      = data.aws_region.current.id
  namespace   = var.namespace
}

# What the files of terraform/ declare beside the workers, and console.yaml of this folder.
module "declarations" {
  source = "../../modules/declarations"

  folder      = "${path.root}/../.."
  environment = "prod"
  root        = path.root
}

module "platform" {
  source = "../../modules/platform"

  stack                 = var.stacks ? terraform.workspace : null # each stack is a workspace: docs/how-to/deploy.md
  held_events           = var.held_events
  namespace             = module.naming.namespace
  services_dir          = "${path.root}/../../../services"
  contracts_dir         = "${path.root}/../../../shared/contracts/schemas"
  packages_dir          = "${path.root}/../../../build/packages/aws"
  schedules             = module.declarations.schedules
  queues                = module.declarations.queues
  bus_destinations      = module.declarations.bus_destinations
  customer_managed_key  = true
  kms_key_arn           = var.kms_key_arn
  event_bus_name        = var.event_bus_name
  permissions_boundary  = var.permissions_boundary
  role_path             = var.role_path
  code_signing_config   = var.code_signing_config
  vpc                   = var.vpc
  vpcs                  = var.vpcs
  bus_grants            = var.bus_grants
  canary                = var.canary
  archive_days          = 90
  claims_retention_days = 118 # as the archive, and 28 days in queue and DLQ after a replay
  publishers            = var.publishers
  protect               = true
  log_retention_days    = 90
  observability         = { alarm_emails = var.alarm_emails, alarm_urls = var.alarm_urls, alarm_actions = var.alarm_actions, ok_actions = var.ok_actions }
  traffic_shift         = { steps = [10, 50], minutes = 10 }

  # The storefront behind a router, where `router` says where: see docs/explanation/router.md.
  router = var.router
  web    = var.router == null ? {} : { storefront = {} }

  # The console behind the same router, where console.yaml says for whom: see docs/how-to/deploy-the-console.md.
  console               = module.declarations.console
  console_client_secret = var.console_client_secret
}
