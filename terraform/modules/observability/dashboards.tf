# What to look at: all of the environment on one page, and a page for each worker. With more workers than a graph can show,
# the environment's page says where to look, and each domain has a page of its own.

locals {
  # A graph takes 500 metrics, and a dashboard 2,500 (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html);
  # nobody reads that many lines.
  most_workers = 100
  one_page     = length(var.workers) <= local.most_workers

  # Page => its workers. A source has no underscore: no two of them make one name, and none makes a worker's.
  by_domain = { for pair in flatten([for name, worker in var.workers : [for domain in worker.domains : { domain = domain, name = name }]]) : pair.domain => pair.name... }
  pages = local.one_page ? {} : merge([
    for domain, names in local.by_domain : {
      for index, part in chunklist(sort(names), local.most_workers) :
      join("_", compact([domain == "*" ? "every_event" : replace(domain, ".", "_"), index == 0 ? "" : tostring(index + 1)])) => part
    }
  ]...)

  # A dashboard is a grid of 24 columns; each graph takes a third of a row.
  width   = 8
  height  = 6
  columns = 3

  # Title => its metrics (namespace, name, dimension, value ...), in the form of a dashboard's body:
  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
  bus_graph     = { title = "Events matched by rules", stat = "Sum", metrics = [[{ expression = "SELECT SUM(MatchedEvents) FROM \"AWS/Events\" WHERE EventBusName = '${var.bus_name}' GROUP BY RuleName", id = "matched" }]] }
  worker_queues = flatten([for worker in var.workers : worker.dead_letter_queues])
  stuck = { for page, queues in merge({ "" = setunion(var.dead_letter_queues, local.one_page ? local.worker_queues : []) }, {
    for page, names in local.pages : page => flatten([for name in names : var.workers[name].dead_letter_queues])
  }) : page => { title = "Stuck events", stat = "Maximum", metrics = [for name in sort(queues) : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", name]] } }
  group_graphs = {
    for page, names in merge({ "" = local.one_page ? keys(var.workers) : [] }, local.pages) : page => [
      { title = "Age of the oldest event in s", stat = "Maximum", metrics = [for name in names : ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", var.workers[name].queue]] },
      { title = "Waiting events", stat = "Maximum", metrics = [for name in names : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", var.workers[name].queue]] },
      { title = "Invocations", stat = "Sum", metrics = [for name in names : ["AWS/Lambda", "Invocations", "FunctionName", var.workers[name].function]] },
      { title = "Errors", stat = "Sum", metrics = [for name in names : ["AWS/Lambda", "Errors", "FunctionName", var.workers[name].function]] },
    ]
  }
  environment_graphs = concat([local.bus_graph, local.stuck[""]], local.one_page ? local.group_graphs[""] : [])
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
  graphs = merge({ "" = local.environment_graphs }, { for page in keys(local.pages) : page => concat([local.stuck[page]], local.group_graphs[page]) }, local.worker_graphs)
  index = local.one_page ? [] : [{
    type       = "text"
    x          = 0
    y          = local.height
    width      = local.columns * local.width
    height     = local.height
    properties = { markdown = join("\n", [for page in sort(keys(local.pages)) : "- dashboard `${var.deployment.namespace}_${page}`: ${length(local.pages[page])} workers"]) }
  }]
  bodies = {
    for name, graphs in local.graphs : name => jsonencode({
      widgets = concat([
        for index, graph in graphs : {
          type       = "metric"
          x          = index % local.columns * local.width
          y          = floor(index / local.columns) * local.height
          width      = local.width
          height     = local.height
          properties = { title = graph.title, stat = graph.stat, period = 60, region = var.deployment.region, metrics = graph.metrics }
        }
      ], name == "" ? local.index : [])
    })
  }
}

resource "aws_cloudwatch_dashboard" "environment" {
  count = var.shared ? 1 : 0

  dashboard_name = var.deployment.namespace
  dashboard_body = local.bodies[""]
}

resource "aws_cloudwatch_dashboard" "domain" {
  for_each = { for page, names in local.pages : page => names if var.shared }

  dashboard_name = "${var.deployment.namespace}_${each.key}"
  dashboard_body = local.bodies[each.key]
}

resource "aws_cloudwatch_dashboard" "worker" {
  for_each = var.worker_dashboards ? local.own : {}

  dashboard_name = "${var.deployment.namespace}-${each.key}"
  dashboard_body = local.bodies[each.key]
}
