# What happens by the clock: events on the bus, heartbeats that keep workers warm, and canaries.

locals {
  location  = "${var.deployment.region}:${var.deployment.account_id}"
  group_arn = "arn:${var.deployment.partition}:scheduler:${local.location}:schedule-group/${var.deployment.namespace}"
  any       = length(var.schedules) + length(var.heartbeats) > 0 || var.canary != null

  # Scheduler replaces <aws.scheduler.scheduled-time>: the same in every attempt, so that the event's id is too.
  # https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
  details = {
    for name, it in var.schedules : name => jsonencode({
      metadata = {
        event_id       = "schedule/${name}/<aws.scheduler.scheduled-time>"
        correlation_id = "schedule/${name}/<aws.scheduler.scheduled-time>"
        published_at   = "<aws.scheduler.scheduled-time>"
        schema_version = it.schema_version
      }
      data = it.data
    })
  }

  statements = concat(
    length(var.schedules) == 0 ? [] : [{ Sid = "Publish", Effect = "Allow", Action = ["events:PutEvents"], Resource = [var.bus_arn] }],
    length(var.heartbeats) == 0 ? [] : [{ Sid = "Heartbeat", Effect = "Allow", Action = ["lambda:InvokeFunction"], Resource = values(var.heartbeats) }],
    var.canary == null ? [] : [{ Sid = "Canary", Effect = "Allow", Action = ["lambda:InvokeFunction"], Resource = [var.canary.function] }],
    [{ Sid = "DeadLetter", Effect = "Allow", Action = ["sqs:SendMessage"], Resource = [var.dead_letter_queue] }],
    var.security.key_alias == null ? [] : [{
      Sid      = "Key"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = ["arn:${var.deployment.partition}:kms:${local.location}:key/*"]
      Condition = {
        "ForAnyValue:StringEquals" = { "kms:ResourceAliases" = [var.security.key_alias] }
        StringEquals               = { "kms:ViaService" = ["sqs.${var.deployment.region}.amazonaws.com"] }
      }
    }],
  )
}

resource "aws_scheduler_schedule_group" "this" {
  count = local.any ? 1 : 0

  name = var.deployment.namespace
}

resource "aws_scheduler_schedule" "event" {
  for_each = var.schedules

  name                         = each.key
  description                  = "Publishes ${each.value.event}"
  group_name                   = aws_scheduler_schedule_group.this[0].name
  schedule_expression          = each.value.expression
  schedule_expression_timezone = each.value.timezone

  flexible_time_window {
    mode = "OFF"
  }
  target {
    arn      = var.bus_arn
    role_arn = aws_iam_role.this[0].arn
    # jsonencode writes < and > as HTML would have them; Scheduler looks for the characters themselves.
    input = replace(replace(local.details[each.key], "\\u003c", "<"), "\\u003e", ">")

    eventbridge_parameters {
      source      = split("/", each.value.event)[0]
      detail_type = split("/", each.value.event)[1]
    }
    dead_letter_config {
      arn = var.dead_letter_queue
    }
    retry_policy {
      maximum_event_age_in_seconds = 24 * 3600
      maximum_retry_attempts       = 185
    }
  }
}

# fanout.keep_warm.KEY: the worker core answers at once, also where it answers direct invocations.
resource "aws_scheduler_schedule" "heartbeat" {
  for_each = var.heartbeats

  name                = "heartbeat.${each.key}" # no name of an event's schedule has a dot
  description         = "Keeps worker ${each.key} warm"
  group_name          = aws_scheduler_schedule_group.this[0].name
  schedule_expression = "rate(${var.heartbeat_minutes} ${var.heartbeat_minutes == 1 ? "minute" : "minutes"})"

  flexible_time_window {
    mode = "OFF"
  }
  target {
    arn      = each.value
    role_arn = aws_iam_role.this[0].arn
    input    = jsonencode({ fanout_heartbeat_s = 0 })

    dead_letter_config {
      arn = var.dead_letter_queue
    }
    retry_policy {
      maximum_event_age_in_seconds = 60 # a late heartbeat warms nothing
      maximum_retry_attempts       = 0
    }
  }
}

resource "aws_scheduler_schedule" "canary" {
  count = var.canary == null ? 0 : 1

  name                = "canary.run" # no name of an event's schedule has a dot
  description         = "Sends canaries through every hop"
  group_name          = aws_scheduler_schedule_group.this[0].name
  schedule_expression = var.canary.every

  flexible_time_window {
    mode = "OFF"
  }
  target {
    arn      = var.canary.function
    role_arn = aws_iam_role.this[0].arn
    input    = jsonencode({ paused = sort(var.canary.paused) })

    dead_letter_config {
      arn = var.dead_letter_queue
    }
    retry_policy {
      maximum_event_age_in_seconds = 60 # the next one is soon
      maximum_retry_attempts       = 0
    }
  }
}

resource "aws_iam_role" "this" {
  count = local.any ? 1 : 0

  # A dot, which no worker's name has, so that no worker has this role's name.
  name                 = "${var.deployment.namespace}.schedule"
  permissions_boundary = var.deployment.permissions_boundary
  path                 = var.deployment.role_path
  description          = "Schedules of ${var.deployment.namespace}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = var.deployment.account_id, "aws:SourceArn" = local.group_arn } }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  count = local.any ? 1 : 0

  name   = "schedule"
  role   = aws_iam_role.this[0].id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements })
}
