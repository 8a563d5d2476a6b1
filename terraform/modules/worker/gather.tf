# What fanout.gather keeps of the worker's gathers: an item per part, one of the scattered event, and the one that closes
# the gather. Those who handle parts for it send their results to its queue.
resource "aws_dynamodb_table" "gather" {
  count = var.manifest.gathers ? 1 : 0

  name                        = "${local.name}-gather"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "gather_id"
  range_key                   = "item"
  deletion_protection_enabled = !var.force_destroy
  tags                        = local.tags

  attribute {
    name = "gather_id"
    type = "S"
  }
  attribute {
    name = "item"
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
