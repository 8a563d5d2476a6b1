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
  retry_mode                  = "adaptive" # AWS makes 3 alarms a second: what it throttles is called less often
  max_retries                 = 25         # whatever AWS_MAX_ATTEMPTS says

  default_tags {
    tags = merge(var.tags, { project = "fanout", environment = "local", owner = var.owner })
  }
}

# What the files of terraform/ declare beside the workers.
module "declarations" {
  source = "../../modules/declarations"

  folder      = "${path.root}/../.."
  environment = "local"
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
  schedules               = merge(module.declarations.schedules, var.schedules)
  queues                  = merge(module.declarations.queues, var.queues)
  bus_destinations        = merge(module.declarations.bus_destinations, var.bus_destinations)
  keep_warm               = var.keep_warm
  customer_managed_key    = var.customer_managed_key
  kms_key_arn             = var.kms_key_arn
  event_bus_name          = var.event_bus_name
  permissions_boundary    = var.permissions_boundary
  role_path               = var.role_path
  code_signing_config     = var.code_signing_config
  vpc                     = var.vpc
  vpcs                    = var.vpcs
  publishers              = var.publishers
  bus_grants              = var.bus_grants
  canary                  = var.canary
  traffic_shift           = var.traffic_shift
  observability = {
    log_queries   = false # no emulator holds them
    alarm_emails  = var.alarm_emails
    alarm_urls    = var.alarm_urls
    alarm_actions = var.alarm_actions
    ok_actions    = var.ok_actions
  }

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
