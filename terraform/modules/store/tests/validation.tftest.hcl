# What the store refuses at plan time, and what `force_destroy` opens.

mock_provider "aws" {}

variables {
  deployment = { namespace = "fanout-test", partition = "aws", region = "eu-central-1", account_id = "111122223333" }
  tables     = { stock = { key = "sku" } }
  buckets    = { media = {} }
}

run "keeps_what_it_stores" {
  command = plan

  assert {
    condition     = aws_dynamodb_table.worker["stock"].deletion_protection_enabled && aws_dynamodb_table.idempotency.deletion_protection_enabled
    error_message = "tables must be protected from deletion"
  }
  assert {
    condition     = !aws_s3_bucket.worker["media"].force_destroy
    error_message = "a bucket with objects must not be destroyed"
  }
}

run "lets_go_of_it_when_told" {
  command = plan

  variables {
    force_destroy = true
  }
  assert {
    condition     = !aws_dynamodb_table.worker["stock"].deletion_protection_enabled && aws_s3_bucket.worker["media"].force_destroy
    error_message = "force_destroy must open tables and buckets"
  }
}

run "refuses_the_platforms_own_table" {
  command = plan

  variables {
    tables = { idempotency = { key = "id" } }
  }
  expect_failures = [var.tables]
}

run "refuses_the_platforms_own_bucket" {
  command = plan

  variables {
    buckets = { packages = {} }
  }
  expect_failures = [var.buckets]
}
