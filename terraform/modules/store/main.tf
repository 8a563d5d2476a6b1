# What the platform and its workers keep: the workers' tables and buckets. Idempotency records and gathers are in tables
# that stand with the worker whose they are.

resource "aws_dynamodb_table" "worker" {
  for_each = var.tables

  name                        = "${var.deployment.namespace}-${each.key}"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = each.value.key
  range_key                   = each.value.sort_key
  deletion_protection_enabled = !var.force_destroy

  dynamic "attribute" {
    for_each = compact([each.value.key, each.value.sort_key])
    content {
      name = attribute.value
      type = "S"
    }
  }
  point_in_time_recovery {
    enabled = true
  }
  server_side_encryption {
    enabled     = true
    kms_key_arn = var.security.key_arn
  }
}

# Not versioned: workers write an object once, under a key made of its event's id, so that versions would only
# hold copies of what a retry wrote again.
resource "aws_s3_bucket" "worker" {
  for_each = var.buckets

  bucket        = "${var.deployment.namespace}-${each.key}-${var.deployment.account_id}"
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_public_access_block" "worker" {
  for_each = aws_s3_bucket.worker

  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "worker" {
  for_each = aws_s3_bucket.worker

  bucket = each.value.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm     = var.security.key_alias == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.security.key_arn
    }
    bucket_key_enabled = var.security.key_alias != null
  }
}

# The parts of an upload that its worker did not live to end are billed until somebody removes them.
resource "aws_s3_bucket_lifecycle_configuration" "worker" {
  for_each = aws_s3_bucket.worker

  bucket = each.value.id
  rule {
    id     = "abort"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

resource "aws_s3_bucket_policy" "worker" {
  for_each = var.security.tls_only ? aws_s3_bucket.worker : {}

  bucket = each.value.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "WithoutTls"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [each.value.arn, "${each.value.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}

resource "aws_s3_bucket_notification" "worker" {
  for_each = { for name, bucket in var.buckets : name => aws_s3_bucket.worker[name] if bucket.events }

  bucket      = each.value.id
  eventbridge = true
}

module "guard" {
  source = "../guard"

  protect = var.protect
  guarded = concat(["bucket claims"], formatlist("table %s", keys(var.tables)), formatlist("bucket %s", keys(var.buckets)))
}
