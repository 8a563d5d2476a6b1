# Every event once more, to be replayed: after a fault of a worker, or for a new one. Canaries are no events. Of a bus that
# others use too, it keeps this deployment's events alone.

locals {
  archived = local.existing ? jsonencode(sort(var.existing.archived)) : jsonencode([{ anything-but = { prefix = "canary." } }])
}

resource "aws_cloudwatch_event_archive" "this" {
  count = var.archive_days == null ? 0 : 1

  name             = local.name
  description      = "Every event of ${local.name}"
  event_source_arn = local.bus.arn
  event_pattern    = jsonencode({ source = jsondecode(local.archived) })
  retention_days   = var.archive_days
}
