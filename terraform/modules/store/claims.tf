# The data of events that are too large for their way: publishers put them here, workers fetch them by the reference
# that the event carries. They expire when no queue, DLQ or archive can hold such an event any more. Nobody overwrites
# them: each publisher writes under its own name alone, and only what is not there. Versions keep what is deleted.

resource "aws_s3_bucket" "claims" {
  count = var.claims ? 1 : 0

  bucket        = "${var.deployment.namespace}-claims-${var.deployment.account_id}"
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_public_access_block" "claims" {
  count = var.claims ? 1 : 0

  bucket                  = aws_s3_bucket.claims[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "claims" {
  count = var.claims ? 1 : 0

  bucket = aws_s3_bucket.claims[0].id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm     = var.security.key_alias == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.security.key_arn
    }
    bucket_key_enabled = var.security.key_alias != null
  }
}

resource "aws_s3_bucket_versioning" "claims" {
  count = var.claims ? 1 : 0

  bucket = aws_s3_bucket.claims[0].id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_policy" "claims" {
  count = var.claims && var.security.tls_only ? 1 : 0

  bucket = aws_s3_bucket.claims[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "WithoutTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [aws_s3_bucket.claims[0].arn, "${aws_s3_bucket.claims[0].arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        # No exemption for the parts of multipart uploads, which nobody makes here:
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
        Sid       = "Overwriting"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:PutObject"
        Resource  = ["${aws_s3_bucket.claims[0].arn}/*"]
        Condition = { Null = { "s3:if-none-match" = "true" } }
      },
    ]
  })
}

resource "aws_s3_bucket_lifecycle_configuration" "claims" {
  count = var.claims ? 1 : 0

  bucket = aws_s3_bucket.claims[0].id

  rule {
    id     = "expire"
    status = "Enabled"
    filter {}
    expiration {
      days = var.claims_retention_days
    }
    # Of what was deleted, by expiry or by hand: as long again to find out and restore it.
    noncurrent_version_expiration {
      noncurrent_days = var.claims_retention_days
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  # S3 takes a rule on versions of a bucket that has them.
  depends_on = [aws_s3_bucket_versioning.claims]
}
