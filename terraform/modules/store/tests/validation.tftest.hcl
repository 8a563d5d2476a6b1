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
    condition = alltrue([
      for table in values(aws_dynamodb_table.worker) :
      table.deletion_protection_enabled
    ])
    error_message = "tables must be protected from deletion"
  }
  assert {
    condition     = !aws_s3_bucket.worker["media"].force_destroy && !aws_s3_bucket.claims[0].force_destroy
    error_message = "a bucket with objects must not be destroyed"
  }
  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.worker["media"].rule[0].abort_incomplete_multipart_upload[0].days_after_initiation == 1
    error_message = "parts of an upload that never ended must go"
  }
}

run "never_overwrites_what_large_events_say" {
  command = plan

  override_resource {
    target          = aws_s3_bucket.claims[0]
    override_during = plan
    values          = { arn = "arn:aws:s3:::fanout-test-claims-111122223333" }
  }
  assert {
    condition     = aws_s3_bucket_versioning.claims[0].versioning_configuration[0].status == "Enabled"
    error_message = "what is deleted must be restorable"
  }
  assert {
    condition = contains([
      for it in jsondecode(aws_s3_bucket_policy.claims[0].policy).Statement :
      "${it.Effect} ${it.Action} ${join(" ", flatten([it.Resource]))} ${jsonencode(it.Condition)}"
    ], "Deny s3:PutObject arn:aws:s3:::fanout-test-claims-111122223333/* {\"Null\":{\"s3:if-none-match\":\"true\"}}")
    error_message = "an object that is there must not be overwritten"
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

run "uses_the_platforms_key" {
  command = plan

  variables {
    security = { key_alias = "alias/fanout-test", key_arn = "arn:aws:kms:eu-central-1:111122223333:key/1" }
  }
  assert {
    condition = alltrue([
      for table in values(aws_dynamodb_table.worker) :
      one(table.server_side_encryption).kms_key_arn == var.security.key_arn
    ])
    error_message = "every table is encrypted with the platform's key"
  }
  assert {
    condition = alltrue([
      for bucket in [
        aws_s3_bucket_server_side_encryption_configuration.worker["media"], aws_s3_bucket_server_side_encryption_configuration.claims[0],
      ] : one(one(bucket.rule).apply_server_side_encryption_by_default).kms_master_key_id == var.security.key_arn
    ])
    error_message = "every bucket is encrypted with the platform's key"
  }
}

# Applied, with the mocked provider: the policies name ARNs that no plan knows.
run "refuses_calls_without_tls" {
  variables {
    force_destroy = true
  }
  assert {
    condition = alltrue([
      for bucket in [aws_s3_bucket_policy.worker["media"], aws_s3_bucket_policy.claims[0]] : anytrue([
        for statement in jsondecode(bucket.policy).Statement :
        statement.Effect == "Deny" && statement.Action == "s3:*" && try(statement.Condition.Bool["aws:SecureTransport"], "") == "false"
      ])
    ])
    error_message = "buckets must refuse calls without TLS"
  }
}

run "refuses_claims_that_expire_before_their_events" {
  command = plan

  variables {
    claims_retention_days = 27
  }
  expect_failures = [var.claims_retention_days]
}

run "makes_indexes_versions_and_ends_as_declared" {
  command = plan

  variables {
    tables  = { stock = { key = "sku", ttl = "gone_at", indexes = { by-day = "day", by-shop = "shop/day" } } }
    buckets = { media = { versioned = true, expire_days = 365 } }
  }
  assert {
    condition     = toset(aws_dynamodb_table.worker["stock"].attribute[*].name) == toset(["sku", "day", "shop"])
    error_message = "an attribute that is a key is declared once"
  }
  assert {
    condition = {
      for index in aws_dynamodb_table.worker["stock"].global_secondary_index : index.name => "${index.hash_key} ${coalesce(index.range_key, "-")}"
    } == { by-day = "day -", by-shop = "shop day" }
    error_message = "an index has the keys that are declared"
  }
  assert {
    condition     = aws_dynamodb_table.worker["stock"].ttl[0].attribute_name == "gone_at" && aws_dynamodb_table.worker["stock"].ttl[0].enabled
    error_message = "items go when their attribute says so"
  }
  assert {
    condition     = aws_s3_bucket_versioning.worker["media"].versioning_configuration[0].status == "Enabled"
    error_message = "what is written over is kept"
  }
  assert {
    condition     = [for rule in aws_s3_bucket_lifecycle_configuration.worker["media"].rule : rule.id] == ["abort", "expire", "forget"]
    error_message = "objects expire, and old versions go"
  }
}
