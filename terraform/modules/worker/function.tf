# The worker's Lambda function, its published version behind the alias `live`, and the mapping from its queue.

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${local.name}"
  retention_in_days = var.log_retention_days
  tags              = local.tags
  kms_key_id        = var.security.key_arn
}

resource "aws_lambda_function" "this" {
  function_name                  = local.name
  description                    = var.manifest.description
  role                           = aws_iam_role.this.arn
  s3_bucket                      = var.package.bucket
  s3_key                         = var.package.key
  source_code_hash               = var.package.hash
  handler                        = var.package.handler
  code_signing_config_arn        = var.deployment.code_signing_config
  runtime                        = var.package.runtime
  architectures                  = [var.package.architecture]
  layers                         = var.package.layers
  memory_size                    = var.manifest.function.memory_mb
  timeout                        = var.manifest.function.timeout_s
  reserved_concurrent_executions = coalesce(var.manifest.function.reserved_concurrency, -1)
  publish                        = true
  tags                           = local.tags

  # Always, as what is left out stays as it was.
  ephemeral_storage {
    size = var.manifest.function.ephemeral_storage_mb
  }
  tracing_config {
    mode = var.manifest.function.tracing == "active" ? "Active" : "PassThrough"
  }
  # Of each version that is published: the alias names one.
  dynamic "snap_start" {
    for_each = var.manifest.function.snap_start ? ["PublishedVersions"] : []
    content {
      apply_on = snap_start.value
    }
  }

  environment {
    variables = merge(
      {
        FANOUT_NAMESPACE = var.deployment.namespace
        FANOUT_WORKER    = var.name
        FANOUT_BUS       = var.bus.name
        # By way of the DLQ's address, so that the function need not wait for the queue.
        FANOUT_QUEUE_URL = "${trimsuffix(aws_sqs_queue.dead_letter.url, local.dlq_name)}${local.queue_name}"
        FANOUT_DLQ_URL   = aws_sqs_queue.dead_letter.url

        FANOUT_CLAIMS_BUCKET = var.claims_bucket.name
      },
      !var.manifest.powertools ? {} : {
        POWERTOOLS_SERVICE_NAME      = var.name
        POWERTOOLS_METRICS_NAMESPACE = "fanout"
      },
      local.remembers ? { FANOUT_IDEMPOTENCY_TABLE = aws_dynamodb_table.idempotency[0].name } : {},
      var.manifest.gathers ? { FANOUT_GATHER_TABLE = aws_dynamodb_table.gather[0].name } : {},
      length(var.manifest.parts_of) == 0 ? {} : {
        FANOUT_GATHER_QUEUES = jsonencode({
          for worker in var.manifest.parts_of :
          worker => "${trimsuffix(aws_sqs_queue.dead_letter.url, local.dlq_name)}${var.deployment.namespace}-${worker}"
        })
      },
      var.outbox_table == null ? {} : { FANOUT_OUTBOX_TABLE = var.outbox_table.name },
      module.configuration.environment,
      var.environment,
    )
  }

  dynamic "vpc_config" {
    for_each = var.vpc == null ? [] : [var.vpc]
    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  # Else Lambda makes a log group of its own that is kept for ever.
  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy.this]
}

# The version that takes the events: the newest or, where traffic is shifted in steps, the one to which the last shift has
# moved it: with steps nothing of it changes until `make deploy`, which moves the alias by its weights, has this replaced.
resource "terraform_data" "live" {
  input            = aws_lambda_function.this.version
  triggers_replace = var.traffic_in_steps ? "make deploy" : aws_lambda_function.this.version

  lifecycle {
    ignore_changes = [input]
  }
}

# Its ARN stays, so that the mapping and all who invoke it do. What a killed shift has left of weights, an apply takes away.
resource "aws_lambda_alias" "live" {
  name             = "live"
  description      = "The version that takes the events"
  function_name    = aws_lambda_function.this.function_name
  function_version = terraform_data.live.output
}

resource "aws_lambda_event_source_mapping" "queue" {
  event_source_arn                   = aws_sqs_queue.main.arn
  function_name                      = aws_lambda_alias.live.arn
  batch_size                         = var.manifest.batch.size
  maximum_batching_window_in_seconds = var.manifest.batch.window_s
  function_response_types            = ["ReportBatchItemFailures"]
  tags                               = local.tags

  dynamic "scaling_config" {
    for_each = var.manifest.batch.max_concurrency == null ? [] : [var.manifest.batch.max_concurrency]
    content {
      maximum_concurrency = scaling_config.value
    }
  }

  # `fanout pause` has a worker stand still until it is resumed: an apply in between must not wake it.
  lifecycle {
    ignore_changes = [enabled]
  }
}

# Heartbeats and people invoke without waiting for an answer; an invocation that fails twice is kept too. Lambda takes
# no FIFO queue as destination: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
resource "aws_lambda_function_event_invoke_config" "live" {
  function_name                = aws_lambda_function.this.function_name
  qualifier                    = aws_lambda_alias.live.name
  maximum_event_age_in_seconds = 3600
  maximum_retry_attempts       = 1

  destination_config {
    on_failure {
      destination = local.fifo ? aws_sqs_queue.undelivered[0].arn : aws_sqs_queue.dead_letter.arn
    }
  }
}
