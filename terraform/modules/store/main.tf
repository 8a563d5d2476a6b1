# What the platform and its workers keep: the bucket of large events' data (claims.tf), the workers' tables and buckets. Idempotency records and gathers are in tables
# that stand with the worker whose they are.

resource "aws_dynamodb_table" "worker" {
  for_each = var.tables

  name                        = "${var.deployment.namespace}-${each.key}"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = each.value.key
  range_key                   = each.value.sort_key
  deletion_protection_enabled = !var.force_destroy
  tags                        = each.value.owner == null ? {} : { owner = each.value.owner }

  dynamic "attribute" {
    for_each = toset(concat(compact([each.value.key, each.value.sort_key]), flatten([for keys in each.value.indexes : split("/", keys)])))
    content {
      name = attribute.value
      type = "S"
    }
  }
  dynamic "global_secondary_index" {
    for_each = each.value.indexes
    content {
      name            = global_secondary_index.key
      hash_key        = split("/", global_secondary_index.value)[0]
      range_key       = try(split("/", global_secondary_index.value)[1], null)
      projection_type = "ALL"
    }
  }
  dynamic "ttl" {
    for_each = each.value.ttl[*]
    content {
      attribute_name = ttl.value
      enabled        = true
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

# Not versioned unless asked for: workers write an object once, under a key made of its event's id, so that versions
# would only hold copies of what a retry wrote again.
resource "aws_s3_bucket" "worker" {
  for_each = var.buckets

  bucket        = "${var.deployment.namespace}-${each.key}-${var.deployment.account_id}"
  force_destroy = var.force_destroy
  tags          = each.value.owner == null ? {} : { owner = each.value.owner }
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

resource "aws_s3_bucket_versioning" "worker" {
  for_each = { for name, bucket in var.buckets : name => aws_s3_bucket.worker[name] if bucket.versioned }

  bucket = each.value.id
  versioning_configuration {
    status = "Enabled"
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
  dynamic "rule" {
    for_each = var.buckets[each.key].expire_days[*]
    content {
      id     = "expire"
      status = "Enabled"
      filter {}
      expiration {
        days = rule.value
      }
    }
  }
  dynamic "rule" {
    for_each = var.buckets[each.key].versioned ? [30] : []
    content {
      id     = "forget"
      status = "Enabled"
      filter {}
      noncurrent_version_expiration {
        noncurrent_days = rule.value
      }
    }
  }
  depends_on = [aws_s3_bucket_versioning.worker]
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
  guarded = concat(var.claims ? ["bucket claims"] : [], formatlist("table %s", keys(var.tables)), formatlist("bucket %s", keys(var.buckets)))
}
