# What is asked of the logs again and again, kept in CloudWatch Logs Insights.

locals {
  queries = {
    "one event's way"    = <<-EOT
      fields @timestamp, service, level, message, outcome, receive_count
      | filter correlation_id = "CORRELATION_ID" or event_id = "EVENT_ID"
      | sort @timestamp
    EOT
    "errors"             = <<-EOT
      fields @timestamp, service, message, exception_name, event_id, correlation_id
      | filter level in ["ERROR", "CRITICAL"] or @message like /Task timed out|Runtime exited/
      | sort @timestamp desc
      | limit 200
    EOT
    "records by outcome" = <<-EOT
      filter ispresent(received)
      | stats sum(received), sum(handled), sum(duplicates), sum(retried), sum(rejected), sum(postponed), sum(expired) by worker
    EOT
    "slowest batches"    = <<-EOT
      fields @timestamp, worker, received, batch_ms, cold_start, function_request_id
      | filter ispresent(batch_ms)
      | sort batch_ms desc
      | limit 50
    EOT
  }
}

resource "aws_cloudwatch_query_definition" "this" {
  for_each = var.log_queries && length(var.workers) > 0 ? local.queries : {}

  name            = "${var.deployment.namespace}/${each.key}"
  query_string    = each.value
  log_group_names = [for worker in var.workers : worker.log_group]
}
