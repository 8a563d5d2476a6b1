# Of each type of resource that an environment has and MiniStack knows, one or two, in names that begin with `name`. Left out are
# those that wait for a minute (a bucket's lifecycle), those of the router, and what MiniStack has not: scaling of functions.

terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

provider "aws" {
  skip_metadata_api_check = true
  s3_use_path_style       = true

  default_tags {
    tags = merge({ project = "fanout", release = var.release }, var.release == "first" ? { trial = "yes" } : {})
  }
}

variable "name" {
  type = string
}

# Another one changes every resource that can be changed, takes a tag away, and gives the rest another value.
variable "release" {
  type    = string
  default = "first"
}

variable "package" {
  type = string
}

locals {
  days   = var.release == "first" ? 7 : 14
  handed = ["lambda.amazonaws.com", "scheduler.amazonaws.com", "states.amazonaws.com", "pipes.amazonaws.com"]
}

resource "aws_iam_policy" "this" {
  name = "${var.name}-observer"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sqs:GetQueueAttributes", Resource = aws_sqs_queue.this.arn, Sid = var.release }]
  })
}

resource "aws_iam_role" "this" {
  name        = var.name
  description = var.release
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [for service in local.handed : { Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = service } }]
  })
}

resource "aws_iam_role_policy" "this" {
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sqs:*", Resource = "*", Sid = var.release }]
  })
}

resource "aws_iam_role_policy_attachment" "this" {
  role       = aws_iam_role.this.name
  policy_arn = aws_iam_policy.this.arn
}

resource "aws_kms_key" "this" {
  description             = "${var.name} ${var.release}"
  deletion_window_in_days = 7
  enable_key_rotation     = true
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.this.key_id
}

resource "aws_sqs_queue" "dlq" {
  name                      = "${var.name}-dlq"
  message_retention_seconds = local.days * 86400
}

resource "aws_sqs_queue" "this" {
  name                       = var.name
  visibility_timeout_seconds = local.days * 10
  redrive_policy             = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dlq.arn, maxReceiveCount = 5 })
}

resource "aws_sns_topic" "this" {
  name         = var.name
  display_name = var.release
}

resource "aws_sns_topic_subscription" "this" {
  topic_arn            = aws_sns_topic.this.arn
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.this.arn
  raw_message_delivery = true
  filter_policy        = jsonencode({ release = [var.release] })
}

resource "aws_cloudwatch_event_bus" "this" {
  name        = var.name
  description = var.release
}

resource "aws_cloudwatch_event_bus_policy" "this" {
  event_bus_name = aws_cloudwatch_event_bus.this.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid = var.release, Effect = "Allow", Action = "events:PutEvents", Principal = { AWS = "111122223333" }, Resource = aws_cloudwatch_event_bus.this.arn
    }]
  })
}

resource "aws_cloudwatch_event_archive" "this" {
  name             = var.name
  event_source_arn = aws_cloudwatch_event_bus.this.arn
  retention_days   = local.days
}

resource "aws_cloudwatch_event_rule" "this" {
  name           = "${var.name}-orders"
  event_bus_name = aws_cloudwatch_event_bus.this.name
  event_pattern  = jsonencode({ source = ["shop.orders"], detail-type = [var.release] })
}

resource "aws_cloudwatch_event_target" "this" {
  rule           = aws_cloudwatch_event_rule.this.name
  event_bus_name = aws_cloudwatch_event_bus.this.name
  arn            = aws_sns_topic.this.arn
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = local.days
}

resource "aws_cloudwatch_log_subscription_filter" "this" {
  name            = var.name
  log_group_name  = aws_cloudwatch_log_group.this.name
  filter_pattern  = var.release
  destination_arn = aws_lambda_function.this.arn
}

resource "aws_cloudwatch_metric_alarm" "this" {
  alarm_name          = "${var.name}-not-empty"
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.dlq.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = local.days
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  alarm_actions       = [aws_sns_topic.this.arn]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode({ widgets = [{ type = "text", x = 0, y = 0, width = 3, height = 3, properties = { markdown = var.release } }] })
}

resource "aws_dynamodb_table" "this" {
  name         = var.name
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"

  attribute {
    name = "id"
    type = "S"
  }
  ttl {
    attribute_name = "expires"
    enabled        = var.release == "first"
  }
  point_in_time_recovery {
    enabled = var.release != "first"
  }
}

resource "aws_s3_bucket" "this" {
  bucket        = "${var.name}-packages"
  force_destroy = true
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = var.release != "first"
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id
  versioning_configuration {
    status = var.release == "first" ? "Enabled" : "Suspended"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid = var.release, Effect = "Deny", Principal = "*", Action = "s3:PutObjectAcl", Resource = "${aws_s3_bucket.this.arn}/*"
    }]
  })
}

resource "aws_s3_bucket_notification" "this" {
  bucket      = aws_s3_bucket.this.id
  eventbridge = var.release == "first"
}

resource "aws_s3_object" "this" {
  bucket = aws_s3_bucket.this.id
  key    = "code.zip"
  source = var.package
  etag   = filemd5(var.package)
}

resource "aws_lambda_layer_version" "this" {
  layer_name  = var.name
  description = var.release
  s3_bucket   = aws_s3_object.this.bucket
  s3_key      = aws_s3_object.this.key
}

resource "aws_lambda_function" "this" {
  function_name = var.name
  role          = aws_iam_role.this.arn
  runtime       = "python3.13"
  handler       = "handler.handler"
  s3_bucket     = aws_s3_object.this.bucket
  s3_key        = aws_s3_object.this.key
  description   = var.release
  publish       = true
  layers        = [aws_lambda_layer_version.this.arn]

  reserved_concurrent_executions = local.days
}

resource "aws_lambda_alias" "this" {
  name             = "live"
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version
}

resource "aws_lambda_function_event_invoke_config" "this" {
  function_name          = aws_lambda_function.this.function_name
  qualifier              = aws_lambda_alias.this.name
  maximum_retry_attempts = var.release == "first" ? 0 : 1
}

resource "aws_lambda_function_url" "this" {
  function_name      = aws_lambda_function.this.function_name
  qualifier          = aws_lambda_alias.this.name
  authorization_type = var.release == "first" ? "AWS_IAM" : "NONE"
}

resource "aws_lambda_permission" "this" {
  statement_id  = "Logs"
  function_name = aws_lambda_function.this.function_name
  action        = "lambda:InvokeFunction"
  principal     = "logs.amazonaws.com"
}

resource "aws_lambda_event_source_mapping" "this" {
  event_source_arn = aws_sqs_queue.this.arn
  function_name    = aws_lambda_alias.this.arn
  batch_size       = min(10, local.days)
}

resource "aws_scheduler_schedule_group" "this" {
  name = var.name
}

resource "aws_scheduler_schedule" "this" {
  name                = "${var.name}-nightly"
  group_name          = aws_scheduler_schedule_group.this.name
  description         = var.release
  schedule_expression = "rate(1 hour)"
  flexible_time_window {
    mode = "OFF"
  }
  target {
    arn      = aws_sqs_queue.this.arn
    role_arn = aws_iam_role.this.arn
  }
}

resource "aws_sfn_state_machine" "this" {
  name       = var.name
  role_arn   = aws_iam_role.this.arn
  definition = jsonencode({ StartAt = "End", States = { End = { Type = "Succeed", Comment = var.release } } })
}

resource "aws_pipes_pipe" "this" {
  name        = var.name
  description = var.release
  role_arn    = aws_iam_role.this.arn
  source      = aws_sqs_queue.dlq.arn
  target      = aws_sqs_queue.this.arn
}

resource "aws_apigatewayv2_api" "this" {
  name          = var.name
  description   = var.release
  protocol_type = "HTTP"
}

resource "aws_apigatewayv2_integration" "this" {
  api_id                 = aws_apigatewayv2_api.this.id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_alias.this.arn
  payload_format_version = "2.0"
  timeout_milliseconds   = local.days * 1000
}

resource "aws_apigatewayv2_route" "this" {
  api_id    = aws_apigatewayv2_api.this.id
  route_key = "$default"
  target    = "integrations/${aws_apigatewayv2_integration.this.id}"
}

resource "aws_apigatewayv2_stage" "this" {
  api_id      = aws_apigatewayv2_api.this.id
  name        = "$default"
  description = var.release
  auto_deploy = true
}
