# How the outbox is kept: from deletion, from readers, and from calls without TLS.

mock_provider "aws" {
  mock_resource "aws_dynamodb_table" {
    defaults = {
      arn        = "arn:aws:dynamodb:eu-central-1:111122223333:table/fanout-test-outbox"
      stream_arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/fanout-test-outbox/stream/1"
    }
  }
  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-central-1:111122223333:fanout-test-outbox-undelivered" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/fanout-test-outbox" }
  }
  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-central-1:111122223333:function:fanout-test-outbox" }
  }
}

variables {
  deployment    = { namespace = "fanout-test", partition = "aws", region = "eu-central-1", account_id = "111122223333" }
  bus           = { name = "fanout-test", arn = "arn:aws:events:eu-central-1:111122223333:event-bus/fanout-test" }
  publishes     = ["shop.orders/OrderPlaced"]
  claims_bucket = { name = "fanout-test-claims", arn = "arn:aws:s3:::fanout-test-claims" }
  package = {
    bucket       = "packages"
    key          = "outbox-relay.zip"
    hash         = "hash"
    handler      = "fanout.outbox.relay.handler"
    runtime      = "python3.13"
    architecture = "arm64"
    layers       = []
  }
}

run "keeps_what_it_stores" {
  command = plan

  assert {
    condition     = aws_dynamodb_table.this.deletion_protection_enabled
    error_message = "the table must be protected from deletion"
  }
}

run "refuses_calls_without_tls" {
  command = plan

  assert {
    condition = anytrue([
      for statement in jsondecode(aws_sqs_queue.undelivered.policy).Statement :
      statement.Effect == "Deny" && statement.Action == "sqs:*" && statement.Condition.Bool["aws:SecureTransport"] == "false"
    ])
    error_message = "the queue must refuse calls without TLS"
  }
}

run "takes_plain_http_where_told" {
  command = plan

  variables {
    security = { tls_only = false }
  }
  assert {
    condition     = output.watched.dead_letter_queue == "fanout-test-outbox-undelivered" && aws_sqs_queue.undelivered.sqs_managed_sse_enabled
    error_message = "without a key of the platform's own, the queue is encrypted by SQS's"
  }
}

# Applied, with the mocked provider: the role names ARNs that no plan knows.
run "uses_the_platforms_key" {
  variables {
    force_destroy = true
    security      = { key_alias = "alias/fanout-test", key_arn = "arn:aws:kms:eu-central-1:111122223333:key/1" }
  }
  assert {
    condition     = one(aws_dynamodb_table.this.server_side_encryption).kms_key_arn == var.security.key_arn
    error_message = "the table is encrypted with the platform's key"
  }
  assert {
    condition     = aws_sqs_queue.undelivered.kms_master_key_id == "alias/fanout-test" && aws_cloudwatch_log_group.relay.kms_key_id == var.security.key_arn
    error_message = "queue and logs are encrypted with the platform's key"
  }
  assert {
    condition = anytrue([
      for statement in jsondecode(aws_iam_role_policy.relay.policy).Statement :
      statement.Sid == "Key" && try(statement.Condition["ForAnyValue:StringEquals"]["kms:ResourceAliases"][0], "") == "alias/fanout-test"
    ])
    error_message = "the role may use that key, and no other"
  }
}
