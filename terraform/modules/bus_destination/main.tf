# Events that another bus gets, of this account or another, or an API by HTTPS: a rule for each, a role that may hand them
# over, and a queue of those that could not be handed over.
#
# The other bus's own policy has to let this account put them; with its owner's yes alone they arrive:
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html

locals {
  name       = "${var.deployment.namespace}-to-${var.name}"
  location   = "${var.deployment.region}:${var.deployment.account_id}"
  queue_name = "${local.name}-undelivered"
  queue_arn  = "arn:${var.deployment.partition}:sqs:${local.location}:${local.queue_name}"

  # Six digits of the event's hash: event names hold spaces and may be too long for a rule's 64 characters. No worker's
  # name has an underscore; in a name with a dot, LocalStack finds no tagged rule.
  rules     = { for event in var.events : event => "${local.rule_prefix}to_${var.name}_${substr(sha1(event), 0, 6)}" }
  rule_arns = [for rule in sort(values(local.rules)) : "arn:${var.deployment.partition}:events:${local.location}:rule/${local.rule_path}${rule}"]

  # A bus's own name is no part of the ARNs of the default bus's rules; on a bus that others use too, rules begin as all else does.
  rule_path   = var.bus_name == "default" ? "" : "${var.bus_name}/"
  rule_prefix = var.bus_name == var.deployment.namespace ? "" : "${var.deployment.namespace}-"

  to     = var.api == null ? var.bus : var.api.url
  target = var.api == null ? var.bus : aws_cloudwatch_event_api_destination.this[0].arn

  # Sources by their whole names, so that no canary leaves.
  patterns = {
    for event in var.events : event => jsonencode(merge(
      { source = [split("/", event)[0]], detail-type = [split("/", event)[1]] },
      var.where == null ? null : { detail = { data = jsondecode(var.where) } },
    ))
  }
}

resource "aws_cloudwatch_event_rule" "this" {
  for_each = local.rules

  name           = each.value
  description    = substr("${each.key} to ${local.to}", 0, 512)
  event_bus_name = var.bus_name
  event_pattern  = local.patterns[each.key]
}

resource "aws_cloudwatch_event_target" "this" {
  for_each = aws_cloudwatch_event_rule.this

  rule           = each.value.name
  event_bus_name = var.bus_name
  target_id      = var.api == null ? "bus" : "api"
  arn            = local.target
  role_arn       = aws_iam_role.this.arn

  dead_letter_config {
    arn = aws_sqs_queue.undelivered.arn
  }
  retry_policy {
    maximum_event_age_in_seconds = 24 * 3600
    maximum_retry_attempts       = 185
  }
  dynamic "input_transformer" {
    for_each = try(var.api.transform[*], [])
    content {
      input_paths    = input_transformer.value.paths
      input_template = input_transformer.value.template
    }
  }
}

# The connection is made beside Terraform, whose state would hold the secret in clear text; EventBridge keeps it in Secrets
# Manager: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-target-connection-secret.html
resource "aws_cloudwatch_event_api_destination" "this" {
  count = var.api == null ? 0 : 1

  name                             = local.name
  description                      = "Gets events of ${var.bus_name}"
  invocation_endpoint              = var.api.url
  http_method                      = var.api.method
  invocation_rate_limit_per_second = var.api.rate
  connection_arn                   = var.api.connection
}

resource "aws_sqs_queue" "undelivered" {
  name                      = local.queue_name
  message_retention_seconds = 14 * 24 * 3600
  kms_master_key_id         = var.security.key_alias
  sqs_managed_sse_enabled   = var.security.key_alias == null ? true : null
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "Undelivered"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = local.queue_arn
        Condition = { ArnEquals = { "aws:SourceArn" = local.rule_arns } }
      }],
      # Calls that came without TLS are refused, whoever made them.
      !var.security.tls_only ? [] : [{
        Sid       = "WithoutTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = local.queue_arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }],
    )
  })
}

resource "aws_iam_role" "this" {
  name                 = "${var.deployment.namespace}.to-${var.name}" # with a hyphen it could be a worker's
  description          = "Lets rules of ${var.bus_name} hand events to ${var.name}"
  permissions_boundary = var.deployment.permissions_boundary
  path                 = var.deployment.role_path
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { ArnEquals = { "aws:SourceArn" = local.rule_arns } }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name = var.api == null ? "put-events" : "invoke-api"
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = var.api == null ? "events:PutEvents" : "events:InvokeApiDestination", Resource = local.target }]
  })
}

module "guard" {
  source = "../guard"

  protect = var.protect
  guarded = [local.queue_name]
}
