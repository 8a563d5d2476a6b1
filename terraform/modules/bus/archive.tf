# Every event once more, to be replayed: after a fault of a worker, or for a new one. Canaries are no events.

resource "aws_cloudwatch_event_archive" "this" {
  count = var.archive_days == null ? 0 : 1

  name             = local.name
  description      = "Every event of ${local.name}"
  event_source_arn = aws_cloudwatch_event_bus.this.arn
  event_pattern    = jsonencode({ source = [{ anything-but = { prefix = "canary." } }] })
  retention_days   = var.archive_days
}
