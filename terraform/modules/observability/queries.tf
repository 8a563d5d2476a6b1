# What is asked of the logs again and again, kept in CloudWatch Logs Insights.

locals {
  queries = {
    # By its text: of a handled event only the spans of its batch's metrics line tell, which have its id, and that of its
    # correlation where it is another event's.
    "one event's way"    = <<-EOT
      fields @timestamp, coalesce(worker, service) as by, message, outcome, tries, error_type, error_at, @message
      | filter @message like "EVENT_ID or CORRELATION_ID"
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

  # A query names 50 log groups (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StartQuery.html), and one that
  # selects them by a prefix of their names does so outside of the console only: more workers, more parts of each query.
  parts = { for index, groups in chunklist(sort([for worker in var.workers : worker.log_group]), 50) : index + 1 => groups }
  saved = merge([
    for name, text in var.log_queries && var.shared ? local.queries : {} : {
      for part, groups in local.parts : (length(local.parts) == 1 ? name : "${name} (${part} of ${length(local.parts)})") => { text = text, groups = groups }
    }
  ]...)
}

resource "aws_cloudwatch_query_definition" "this" {
  for_each = local.saved

  name            = "${var.deployment.namespace}/${each.key}"
  query_string    = each.value.text
  log_group_names = each.value.groups
}
