# What is wrong with a function that no router stands before; a router has alarms of its own.

locals {
  alarm_actions = concat(compact([var.alarm_topic]), sort(var.alarm_actions))
  ok_actions    = var.ok_actions == null ? local.alarm_actions : sort(var.ok_actions)
  # Its way => the metrics of requests and of those answered with 5xx, by the app or by what stands before it.
  # https://docs.aws.amazon.com/lambda/latest/dg/urls-monitoring.html
  # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html
  served = merge(
    { for url in local.url : "url" => {
      namespace  = "AWS/Lambda"
      requests   = "UrlRequestCount"
      failed     = "Url5xxCount"
      dimensions = { FunctionName = local.name, Resource = "${local.name}:${aws_lambda_alias.live.name}" }
    } },
    { for api in local.http_api : "http_api" => {
      namespace  = "AWS/ApiGateway"
      requests   = "Count"
      failed     = "5xx"
      dimensions = { ApiId = aws_apigatewayv2_api.this[0].id, Stage = aws_apigatewayv2_stage.this[0].name }
    } },
  )
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  for_each = local.served

  alarm_name          = "${local.name}-5xx"
  alarm_description   = "Over ${var.error_rate_percent} % of the requests are answered with 5xx: see ${aws_cloudwatch_log_group.this.name}. Runbook: docs/how-to/answer-an-alarm.md#a-web-function-answers-5xx"
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
    expression  = "IF(requests > 0, 100 * FILL(failed, 0) / requests, 0)"
    return_data = true
  }
  dynamic "metric_query" {
    for_each = { requests = each.value.requests, failed = each.value.failed }
    content {
      id = metric_query.key
      metric {
        namespace   = each.value.namespace
        metric_name = metric_query.value
        dimensions  = each.value.dimensions
        stat        = "Sum"
        period      = 60
      }
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "throttles" {
  for_each = local.served

  alarm_name          = "${local.name}-throttles"
  alarm_description   = "Lambda refuses requests to ${var.name}: raise its reserved concurrency, or the account's. Runbook: docs/how-to/answer-an-alarm.md#requests-are-refused"
  namespace           = "AWS/Lambda"
  metric_name         = "Throttles"
  dimensions          = { FunctionName = aws_lambda_function.this.function_name }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 3
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.ok_actions
}
