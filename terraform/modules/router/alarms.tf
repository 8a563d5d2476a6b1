# What has to wake someone: clients that get errors, and routers or functions that do not answer.

locals {
  alarm_actions = concat(compact([var.alarm_topic]), sort(var.alarm_actions))
  ok_actions    = var.ok_actions == null ? local.alarm_actions : sort(var.ok_actions)
  balancer      = { LoadBalancer = aws_lb.this.arn_suffix }
  targets       = merge(local.balancer, { TargetGroup = aws_lb_target_group.this.arn_suffix })
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name          = "${local.name}-5xx"
  alarm_description   = "Over ${var.error_rate_percent} % of the requests are answered with 5xx, by the app, the router or the load balancer. Runbook: docs/how-to/answer-an-alarm.md#the-router-answers-5xx"
  evaluation_periods  = 5
  datapoints_to_alarm = 3
  threshold           = var.error_rate_percent
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.ok_actions

  metric_query {
    id          = "rate"
    label       = "Requests answered with 5xx, in percent"
    expression  = "IF(requests > 0, 100 * (FILL(app, 0) + FILL(balancer, 0)) / requests, 0)"
    return_data = true
  }
  dynamic "metric_query" {
    for_each = { requests = "RequestCount", app = "HTTPCode_Target_5XX_Count", balancer = "HTTPCode_ELB_5XX_Count" }
    content {
      id = metric_query.key
      metric {
        namespace   = "AWS/ApplicationELB"
        metric_name = metric_query.value
        dimensions  = local.balancer
        stat        = "Sum"
        period      = 60
      }
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "unhealthy" {
  alarm_name          = "${local.name}-unhealthy"
  alarm_description   = "A router is not ready: see its log in ${local.log_group}, and whether its functions can be invoked. Runbook: docs/how-to/answer-an-alarm.md#a-router-is-not-ready"
  namespace           = "AWS/ApplicationELB"
  metric_name         = "UnHealthyHostCount"
  dimensions          = local.targets
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 3
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.ok_actions
}

# A service without a task has no unhealthy one either.
resource "aws_cloudwatch_metric_alarm" "none_healthy" {
  alarm_name          = "${local.name}-none-healthy"
  alarm_description   = "No router is ready: every request is answered with 503. Runbook: docs/how-to/answer-an-alarm.md#no-router-is-ready"
  namespace           = "AWS/ApplicationELB"
  metric_name         = "HealthyHostCount"
  dimensions          = local.targets
  statistic           = "Minimum"
  period              = 60
  evaluation_periods  = 2
  threshold           = 1
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "breaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.ok_actions
}

# Of the routers' own metrics, one pair for each function.
resource "aws_cloudwatch_metric_alarm" "queue_time" {
  for_each = var.functions

  alarm_name          = "${local.name}-${each.key}-queue-time"
  alarm_description   = "Requests to ${each.key} wait over ${2 * var.scaling.queue_time_ms} ms for a free channel, more routers or not. Runbook: docs/how-to/answer-an-alarm.md#requests-wait"
  namespace           = local.metrics
  metric_name         = "QueueTime"
  dimensions          = { Function = each.key }
  statistic           = "Average"
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 3
  threshold           = 2 * var.scaling.queue_time_ms
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.ok_actions
}

resource "aws_cloudwatch_metric_alarm" "breaker" {
  for_each = var.functions

  alarm_name          = "${local.name}-${each.key}-breaker"
  alarm_description   = "A router has stopped to invoke ${each.key}, which failed five times in a row: see /aws/lambda of the function. Runbook: docs/how-to/answer-an-alarm.md#an-app-does-not-start"
  namespace           = local.metrics
  metric_name         = "BreakerOpen"
  dimensions          = { Function = each.key }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 2
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.ok_actions
}
