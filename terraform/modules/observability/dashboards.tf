# What to look at: all of the environment on one page, and a page for each worker.

locals {
  # A dashboard is a grid of 24 columns; each graph takes a third of a row.
  width   = 8
  height  = 6
  columns = 3

  # Title => its metrics (namespace, name, dimension, value ...), in the form of a dashboard's body:
  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
  environment_graphs = [
    { title = "Events matched by rules", stat = "Sum", metrics = [[{ expression = "SELECT SUM(MatchedEvents) FROM \"AWS/Events\" WHERE EventBusName = '${var.bus_name}' GROUP BY RuleName", id = "matched" }]] },
    { title = "Stuck events", stat = "Maximum", metrics = [for name in sort(var.dead_letter_queues) : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", name]] },
    { title = "Age of the oldest event in s", stat = "Maximum", metrics = [for worker in var.workers : ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", worker.queue]] },
    { title = "Waiting events", stat = "Maximum", metrics = [for worker in var.workers : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", worker.queue]] },
    { title = "Invocations", stat = "Sum", metrics = [for worker in var.workers : ["AWS/Lambda", "Invocations", "FunctionName", worker.function]] },
    { title = "Errors", stat = "Sum", metrics = [for worker in var.workers : ["AWS/Lambda", "Errors", "FunctionName", worker.function]] },
  ]
  worker_graphs = {
    for name, worker in var.workers : name => [
      { title = "Queue", stat = "Maximum", metrics = concat(
        [for metric in ["ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"] : ["AWS/SQS", metric, "QueueName", worker.queue]],
      ) },
      { title = "Age of the oldest event in s", stat = "Maximum", metrics = [["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", worker.queue]] },
      { title = "Stuck events", stat = "Maximum", metrics = [for queue in worker.dead_letter_queues : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue]] },
      { title = "Invocations", stat = "Sum", metrics = [for metric in ["Invocations", "Errors", "Throttles"] : ["AWS/Lambda", metric, "FunctionName", worker.function]] },
      { title = "Duration in ms", stat = "p99", metrics = [["AWS/Lambda", "Duration", "FunctionName", worker.function]] },
      { title = "Concurrent executions", stat = "Maximum", metrics = [["AWS/Lambda", "ConcurrentExecutions", "FunctionName", worker.function]] },
      { title = "Records by outcome", stat = "Sum", metrics = [for outcome in ["handled", "duplicates", "retried", "rejected", "postponed", "expired"] : ["fanout", outcome, "namespace", var.deployment.namespace, "worker", name]] },
    ]
  }
  bodies = {
    for name, graphs in merge({ "" = local.environment_graphs }, local.worker_graphs) : name => jsonencode({
      widgets = [
        for index, graph in graphs : {
          type       = "metric"
          x          = index % local.columns * local.width
          y          = floor(index / local.columns) * local.height
          width      = local.width
          height     = local.height
          properties = { title = graph.title, stat = graph.stat, period = 60, region = var.deployment.region, metrics = graph.metrics }
        }
      ]
    })
  }
}

resource "aws_cloudwatch_dashboard" "environment" {
  dashboard_name = var.deployment.namespace
  dashboard_body = local.bodies[""]
}

resource "aws_cloudwatch_dashboard" "worker" {
  for_each = var.worker_dashboards ? var.workers : {}

  dashboard_name = "${var.deployment.namespace}-${each.key}"
  dashboard_body = local.bodies[each.key]
}
