# An emulator on this machine. Its address comes from AWS_ENDPOINT_URL (and AWS_ENDPOINT_URL_DYNAMODB, where DynamoDB
# is another's), which the provider reads by itself.

terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7"
    }
  }

  backend "local" {}
}

provider "aws" {
  region                      = var.region
  access_key                  = "test"
  secret_key                  = "test"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true

  default_tags {
    tags = { project = "fanout", environment = "local", owner = "platform" }
  }
}

locals {
  schedules    = "${path.root}/../../schedules.yaml"        # as `fanout new worker --schedule` writes it
  queues       = "${path.root}/../../queues.yaml"           # as `fanout new worker --from-queue` writes it
  destinations = "${path.root}/../../bus_destinations.yaml" # buses elsewhere that get events
}

module "platform" {
  source = "../../modules/platform"

  stack                   = var.stacks ? terraform.workspace : null # each stack is a workspace: docs/how-to/deploy.md
  held_events             = var.held_events
  namespace               = var.namespace
  services_dir            = coalesce(var.services_dir, "${path.root}/../../../services")
  contracts_dir           = "${path.root}/../../../shared/contracts/schemas"
  packages_dir            = coalesce(var.packages_dir, "${path.root}/../../../build/packages/local")
  function_environment    = var.function_environment
  create_email_identities = true
  force_destroy           = true
  log_retention_days      = 1
  archive_days            = 1
  autoscaling             = false # MiniStack has no Application Auto Scaling
  tls_only                = false # emulators answer on plain HTTP
  schedules               = merge(yamldecode(fileexists(local.schedules) ? file(local.schedules) : "{}"), var.schedules)
  queues                  = merge(yamldecode(fileexists(local.queues) ? file(local.queues) : "{}"), var.queues)
  bus_destinations        = merge({ for name, it in yamldecode(fileexists(local.destinations) ? file(local.destinations) : "{}") : name => merge(it, { where = can(it.where) ? jsonencode(it.where) : null }) }, var.bus_destinations)
  keep_warm               = var.keep_warm
  customer_managed_key    = var.customer_managed_key
  bus_grants              = var.bus_grants
  canary                  = var.canary
  traffic_shift           = var.traffic_shift
  observability           = { log_queries = false } # no emulator holds them

  # MiniStack checks batched calls by their own names, which are no actions of AWS's, and knows no resource of
  # PartiQL's statements, of an e-mail or of parameters read together, another one of a bus, a rule, and a log group that
  # is read, and none of a function's version.
  iam_dialect = {
    aliases = {
      "dynamodb:PartiQLInsert"      = ["dynamodb:BatchExecuteStatement"]
      "dynamodb:PartiQLUpdate"      = ["dynamodb:BatchExecuteStatement"]
      "events:DescribeEventBus"     = ["events:DescribeEventBus"]
      "events:DescribeRule"         = ["events:DescribeRule"]
      "events:ListTargetsByRule"    = ["events:ListTargetsByRule"]
      "lambda:GetAlias"             = ["lambda:ListAliases"]
      "logs:FilterLogEvents"        = ["logs:FilterLogEvents"]
      "ses:SendEmail"               = ["ses:SendEmail"]
      "ssm:GetParameters"           = ["ssm:GetParameters"]
      "sqs:SendMessage"             = ["sqs:SendMessageBatch"]
      "sqs:ChangeMessageVisibility" = ["sqs:ChangeMessageVisibilityBatch"]
    }
    unscoped = [
      "dynamodb:BatchExecuteStatement", "events:DescribeEventBus", "events:DescribeRule", "events:ListTargetsByRule",
      "logs:FilterLogEvents", "ses:SendEmail", "ssm:GetParameters",
    ]
    unqualified = true
  }
}
