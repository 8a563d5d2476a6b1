# What has to wake someone: an event that is stuck, late or lost, and a worker that fails.

locals {
  relay_age_s = 900 # as long as a worker's slo.age_s unless declared

  # Metrics that count events which EventBridge gave up; the second kind is in no DLQ either.
  rule_failures = {
    failed = { metric = "FailedInvocations", text = "A rule could not deliver events; its DLQ has them" }
    lost   = { metric = "InvocationsFailedToBeSentToDlq", text = "Events are lost: neither target nor DLQ took them" }
  }
}

# Visible messages alone: one of two minutes is enough, so that a look at a queue, which hides its messages for some
# seconds, does not tell that it is empty. With those in flight it would be an expression over two metrics: twice the
# price for each queue, and nothing that LocalStack evaluates.
resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  for_each = setunion(var.dead_letter_queues, flatten([for worker in local.own : worker.dead_letter_queues]))

  alarm_name          = "${each.key}-not-empty"
  alarm_description   = "Events are stuck in ${each.key}: read their cause, fix it, and send them again. Runbook: docs/how-to/answer-an-alarm.md#events-are-stuck"
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = each.key }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 2
  datapoints_to_alarm = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.ok_actions
}

resource "aws_cloudwatch_metric_alarm" "age" {
  for_each = local.own

  alarm_name          = "${var.deployment.namespace}-${each.key}-age"
  alarm_description   = "Events wait for worker ${each.key} longer than its slo.age_s of ${each.value.age_s} s. Runbook: docs/how-to/answer-an-alarm.md#events-wait"
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = each.value.queue }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  threshold           = each.value.age_s
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.ok_actions
  tags                = each.value.owner == null ? {} : { owner = each.value.owner }
}

# Of invocations: a record that fails on its own is told in its batch's answer, and shows by its age or in the DLQ.
resource "aws_cloudwatch_metric_alarm" "errors" {
  for_each = local.own

  alarm_name          = "${var.deployment.namespace}-${each.key}-errors"
  alarm_description   = "Over ${coalesce(each.value.error_percent, var.error_rate_percent)} % of the invocations of worker ${each.key} end in an error or time out. Runbook: docs/how-to/answer-an-alarm.md#invocations-fail"
  evaluation_periods  = 5
  datapoints_to_alarm = 3
  threshold           = coalesce(each.value.error_percent, var.error_rate_percent)
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.ok_actions
  tags                = each.value.owner == null ? {} : { owner = each.value.owner }

  metric_query {
    id          = "rate"
    label       = "Failed invocations in percent"
    expression  = "IF(invocations > 0, 100 * errors / invocations, 0)"
    return_data = true
  }
  dynamic "metric_query" {
    for_each = { errors = "Errors", invocations = "Invocations" }
    content {
      id = metric_query.key
      metric {
        namespace   = "AWS/Lambda"
        metric_name = metric_query.value
        dimensions  = { FunctionName = each.value.function }
        stat        = "Sum"
        period      = 60
      }
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "throttles" {
  for_each = local.own

  alarm_name          = "${var.deployment.namespace}-${each.key}-throttles"
  alarm_description   = "Lambda refuses invocations of worker ${each.key}: raise its concurrency, or the account's. Runbook: docs/how-to/answer-an-alarm.md#invocations-are-refused"
  namespace           = "AWS/Lambda"
  metric_name         = "Throttles"
  dimensions          = { FunctionName = each.value.function }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 3
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.ok_actions
  tags                = each.value.owner == null ? {} : { owner = each.value.owner }
}

# A relay tries for as long as the stream remembers, 24 hours: only then is something in its queue.
resource "aws_cloudwatch_metric_alarm" "relay_age" {
  for_each = var.relays

  alarm_name          = "${each.key}-age"
  alarm_description   = "Events wait in the stream for ${each.key} longer than ${local.relay_age_s} s; it forgets them after 24 hours. Runbook: docs/how-to/answer-an-alarm.md#the-outbox-waits"
  namespace           = "AWS/Lambda"
  metric_name         = "IteratorAge"
  dimensions          = { FunctionName = each.key }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  threshold           = local.relay_age_s * 1000 # the metric is in milliseconds
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.ok_actions
}

# A query over all rules of the bus, whatever their number, is one alarm.
resource "aws_cloudwatch_metric_alarm" "rules" {
  for_each = { for kind, failure in local.rule_failures : kind => failure if var.shared }

  alarm_name          = "${var.deployment.namespace}-rules-${each.key}"
  alarm_description   = "${each.value.text}: bus ${var.bus_name}. Runbook: docs/how-to/answer-an-alarm.md#a-rule-fails"
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.ok_actions

  metric_query {
    id          = "events"
    label       = each.value.metric
    expression  = "SELECT SUM(${each.value.metric}) FROM \"AWS/Events\" WHERE EventBusName = '${var.bus_name}'"
    period      = 60
    return_data = true
  }
}

resource "aws_cloudwatch_metric_alarm" "topic_lost" {
  for_each = var.topics

  alarm_name          = "${each.key}-lost"
  alarm_description   = "Events are lost: neither a queue behind topic ${each.key} nor its DLQ took them. Runbook: docs/how-to/answer-an-alarm.md#a-topic-loses-events"
  namespace           = "AWS/SNS"
  metric_name         = "NumberOfNotificationsFailedToRedriveToDlq"
  dimensions          = { TopicName = each.key }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.ok_actions
}

# A workflow undoes what it cannot do, and that is no failure: an execution that fails could not even be undone.
resource "aws_cloudwatch_metric_alarm" "executions" {
  for_each = var.workflows

  alarm_name          = "${var.deployment.namespace}-${each.key}-executions"
  alarm_description   = "An execution of workflow ${each.key} failed, timed out or was aborted: read its history, fix it, and redrive it. Runbook: docs/how-to/answer-an-alarm.md#an-execution-fails"
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.ok_actions

  metric_query {
    id          = "unfinished"
    label       = "Executions that did not succeed"
    expression  = "FILL(failed, 0) + FILL(timed_out, 0) + FILL(aborted, 0)"
    return_data = true
  }
  dynamic "metric_query" {
    for_each = { failed = "ExecutionsFailed", timed_out = "ExecutionsTimedOut", aborted = "ExecutionsAborted" }
    content {
      id = metric_query.key
      metric {
        namespace   = "AWS/States"
        metric_name = metric_query.value
        dimensions  = { StateMachineArn = each.value }
        stat        = "Sum"
        period      = 60
      }
    }
  }
}

# A pipe keeps nothing: what it cannot put is in its queue again, and the queue is another's.
resource "aws_cloudwatch_metric_alarm" "pipes" {
  for_each = var.pipes

  alarm_name          = "${var.deployment.namespace}-${each.key}-pipe-failed"
  alarm_description   = "Pipe ${each.value} could not put messages of its queue on the bus: its log says why, the messages wait in the queue. Runbook: docs/how-to/answer-an-alarm.md#a-pipe-fails"
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.ok_actions

  metric_query {
    id          = "failed"
    label       = "Executions that did not succeed"
    expression  = "FILL(whole, 0) + FILL(partly, 0) + FILL(timed_out, 0)"
    return_data = true
  }
  dynamic "metric_query" {
    for_each = { whole = "ExecutionFailed", partly = "ExecutionPartiallyFailed", timed_out = "ExecutionTimeout" }
    content {
      id = metric_query.key
      metric {
        namespace   = "AWS/EventBridge/Pipes"
        metric_name = metric_query.value
        dimensions  = { PipeName = each.value }
        stat        = "Sum"
        period      = 60
      }
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "pipe_throttles" {
  for_each = var.pipes

  alarm_name          = "${var.deployment.namespace}-${each.key}-pipe-throttled"
  alarm_description   = "EventBridge refuses executions of pipe ${each.value}: raise the account's concurrent executions of pipes. Runbook: docs/how-to/answer-an-alarm.md#a-pipe-is-refused"
  namespace           = "AWS/EventBridge/Pipes"
  metric_name         = "ExecutionThrottled"
  dimensions          = { PipeName = each.value }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 3
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.ok_actions
}
