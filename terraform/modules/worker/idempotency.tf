# The worker's idempotency records, in a table of its own: no worker's role reaches another's.

resource "aws_dynamodb_table" "idempotency" {
  count = local.remembers ? 1 : 0

  name                        = "${local.name}-idempotency"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "id"
  deletion_protection_enabled = !var.force_destroy
  tags                        = local.tags

  attribute {
    name = "id"
    type = "S"
  }
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
