# A workflow: a state machine that events start by a rule. What cannot be started is in a DLQ; what fails rings.

locals {
  name             = "${var.deployment.namespace}-${var.name}"
  location         = "${var.deployment.region}:${var.deployment.account_id}"
  arns             = "arn:${var.deployment.partition}"
  machine_arn      = "${local.arns}:states:${local.location}:stateMachine:${local.name}"
  undelivered_name = "${local.name}-undelivered"
  undelivered_arn  = "${local.arns}:sqs:${local.location}:${local.undelivered_name}"
  log_group        = "/aws/vendedlogs/states/${local.name}"

  # A bus's own name is no part of the ARNs of the default bus's rules; on a bus that others use too, rules begin as all else does.
  rule_name = "${var.bus_name == var.deployment.namespace ? "" : "${var.deployment.namespace}-"}workflow-${var.name}"
  rule_arn  = "${local.arns}:events:${local.location}:rule/${var.bus_name == "default" ? "" : "${var.bus_name}/"}${local.rule_name}"

  # Calls that came without TLS are refused, whoever made them.
  tls_only = var.security.tls_only
  without_tls = {
    Sid       = "WithoutTls"
    Effect    = "Deny"
    Principal = "*"
    Condition = { Bool = { "aws:SecureTransport" = "false" } }
  }
}

resource "aws_cloudwatch_event_rule" "this" {
  name           = local.rule_name
  description    = "Starts workflow ${var.name}"
  event_bus_name = var.bus_name
  event_pattern  = var.pattern
}

resource "aws_cloudwatch_event_target" "this" {
  rule           = aws_cloudwatch_event_rule.this.name
  event_bus_name = var.bus_name
  target_id      = "workflow"
  arn            = aws_sfn_state_machine.this.arn
  role_arn       = aws_iam_role.start.arn

  dead_letter_config {
    arn = aws_sqs_queue.undelivered.arn
  }
  retry_policy {
    maximum_event_age_in_seconds = 24 * 3600
    maximum_retry_attempts       = 185
  }
  depends_on = [aws_iam_role_policy.start]
}

resource "aws_sqs_queue" "undelivered" {
  name                      = local.undelivered_name
  message_retention_seconds = 14 * 24 * 3600
  kms_master_key_id         = var.security.key_alias
  sqs_managed_sse_enabled   = var.security.key_alias == null ? true : null
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([{
      Sid       = "Undelivered"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = local.undelivered_arn
      Condition = { ArnEquals = { "aws:SourceArn" = local.rule_arn } }
    }], local.tls_only ? [merge(local.without_tls, { Action = "sqs:*", Resource = local.undelivered_arn })] : [])
  })
}

# Names that begin so need no resource policy of their own:
# https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
resource "aws_cloudwatch_log_group" "this" {
  name              = local.log_group
  retention_in_days = var.log_retention_days
  kms_key_id        = var.security.key_arn
}

resource "aws_sfn_state_machine" "this" {
  name       = local.name
  type       = "STANDARD"
  definition = var.definition
  role_arn   = aws_iam_role.this.arn

  logging_configuration {
    level                  = var.log_level
    include_execution_data = false # events hold persons' data
    log_destination        = "${aws_cloudwatch_log_group.this.arn}:*"
  }
  tracing_configuration {
    enabled = var.tracing
  }
  depends_on = [aws_iam_role_policy.this]
}

module "guard" {
  source = "../guard"

  protect = var.protect
  guarded = [local.undelivered_name]
}
