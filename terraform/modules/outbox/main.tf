# Events written in workers' own transactions: the table, and the function that publishes them from its stream.
# Deployed only when some worker.yaml says `outbox: true`.

locals {
  name             = "${var.deployment.namespace}-outbox"
  undelivered_name = "${local.name}-undelivered"
  location         = "${var.deployment.region}:${var.deployment.account_id}"
  undelivered_arn  = "arn:${var.deployment.partition}:sqs:${local.location}:${local.undelivered_name}"
}

resource "aws_dynamodb_table" "this" {
  name                        = local.name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "partition"
  range_key                   = "event_id"
  stream_enabled              = true
  stream_view_type            = "NEW_IMAGE"
  deletion_protection_enabled = !var.force_destroy

  attribute {
    name = "partition"
    type = "S"
  }
  attribute {
    name = "event_id"
    type = "S"
  }
  # Set when an event has been published: what has not been never expires.
  ttl {
    attribute_name = "expiration"
    enabled        = true
  }
  point_in_time_recovery {
    enabled = true
  }
  server_side_encryption {
    enabled     = true
    kms_key_arn = var.security.key_arn
  }
}

resource "aws_cloudwatch_log_group" "relay" {
  name              = "/aws/lambda/${local.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.security.key_arn
}

resource "aws_lambda_function" "relay" {
  function_name           = local.name
  description             = "Publish the events of the outbox"
  role                    = aws_iam_role.relay.arn
  s3_bucket               = var.package.bucket
  s3_key                  = var.package.key
  source_code_hash        = var.package.hash
  handler                 = var.package.handler
  code_signing_config_arn = var.deployment.code_signing_config
  runtime                 = var.package.runtime
  architectures           = [var.package.architecture]
  layers                  = var.package.layers
  memory_size             = 512
  timeout                 = 120

  environment {
    variables = merge(
      {
        FANOUT_NAMESPACE     = var.deployment.namespace
        FANOUT_BUS           = var.bus.name
        FANOUT_OUTBOX_TABLE  = aws_dynamodb_table.this.name
        FANOUT_CLAIMS_BUCKET = var.claims_bucket.name
      },
      var.environment,
    )
  }

  # Else Lambda makes a log group of its own that is kept for ever.
  depends_on = [aws_cloudwatch_log_group.relay, aws_iam_role_policy.relay]
}

# Tried again until the stream forgets, after 24 hours. Parallel batches of a shard keep each partition key's order.
resource "aws_lambda_event_source_mapping" "stream" {
  event_source_arn        = aws_dynamodb_table.this.stream_arn
  function_name           = aws_lambda_function.relay.arn
  starting_position       = "TRIM_HORIZON"
  batch_size              = 100
  parallelization_factor  = 4
  function_response_types = ["ReportBatchItemFailures"]

  filter_criteria {
    filter {
      pattern = jsonencode({ eventName = ["INSERT"] })
    }
  }
  destination_config {
    on_failure {
      destination_arn = aws_sqs_queue.undelivered.arn
    }
  }
}

# Says which part of the stream was given up; the events themselves are still in the table, without `relayed_at`.
resource "aws_sqs_queue" "undelivered" {
  name                      = local.undelivered_name
  message_retention_seconds = 14 * 24 * 3600
  kms_master_key_id         = var.security.key_alias
  sqs_managed_sse_enabled   = var.security.key_alias == null ? true : null

  # Calls that came without TLS are refused, whoever made them.
  policy = !var.security.tls_only ? null : jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "WithoutTls"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = local.undelivered_arn
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}

module "guard" {
  source = "../guard"

  protect = var.protect
  guarded = [local.name, local.undelivered_name]
}
