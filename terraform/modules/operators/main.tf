# What people on call need beside the platform itself: the journal of what they change, four policies to be given to
# them, and a role that takes temporary things away when nobody is left to do it.

locals {
  name     = "${var.deployment.namespace}-operations"
  prefix   = var.deployment.namespace
  bus_name = coalesce(var.bus_name, local.prefix)
  location = "${var.deployment.region}:${var.deployment.account_id}"
  arns     = "arn:${var.deployment.partition}"
}

# An operation's head, its plan, and an intent and a done for each step: nobody's policy lets him delete one.
resource "aws_dynamodb_table" "operations" {
  name                        = local.name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "op"
  range_key                   = "step"
  deletion_protection_enabled = !var.force_destroy

  attribute {
    name = "op"
    type = "S"
  }
  attribute {
    name = "step"
    type = "S"
  }
  attribute {
    name = "day"
    type = "S"
  }
  global_secondary_index {
    name            = "by_day" # only heads have a day
    hash_key        = "day"
    range_key       = "op"
    projection_type = "ALL"
  }
  point_in_time_recovery {
    enabled = true
  }
  server_side_encryption {
    enabled     = true
    kms_key_arn = var.security.key_arn
  }
}

module "guard" {
  source = "../guard"

  protect = var.protect
  guarded = [local.name]
}

# The one-time schedules that end a lease: they are made before the thing that they take away.
resource "aws_scheduler_schedule_group" "leases" {
  name = local.name
}

resource "aws_iam_role" "sweeper" {
  # A dot, which no worker's name has, so that no worker has this role's name.
  name                 = "${local.prefix}.sweeper"
  permissions_boundary = var.deployment.permissions_boundary
  description          = "Takes away what commands of ${local.prefix} have left, and resumes paused workers"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = var.deployment.account_id, "aws:SourceArn" = aws_scheduler_schedule_group.leases.arn }
      }
    }]
  })
}

resource "aws_iam_role_policy" "sweeper" {
  name = "sweeper"
  role = aws_iam_role.sweeper.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "Rules", Effect = "Allow", Action = ["events:DeleteRule", "events:RemoveTargets"], Resource = local.temporary.rules },
      { Sid = "Queues", Effect = "Allow", Action = ["sqs:DeleteQueue"], Resource = local.temporary.queues },
      { Sid = "Functions", Effect = "Allow", Action = ["lambda:DeleteFunction"], Resource = local.temporary.functions },
      merge(local.mapping, { Sid = "Resume" }),
    ]
  })
}

resource "aws_iam_policy" "this" {
  for_each = local.policies

  name        = "${local.prefix}-${each.key}"
  description = each.value.description
  policy      = jsonencode({ Version = "2012-10-17", Statement = each.value.statements })
}
