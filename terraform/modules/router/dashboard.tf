# What to look at: the load balancer's view of the clients, and the routers' own of the functions, on one page.

locals {
  own = {
    for title, metric in {
      "Requests"               = { name = "Requests", stat = "Sum" }
      "Answers of 5xx"         = { name = "Errors5xx", stat = "Sum" }
      "Requests waiting"       = { name = "QueueDepth", stat = "Maximum" }
      "Wait for a channel, ms" = { name = "QueueTime", stat = "Average" }
      "Environments"           = { name = "Environments", stat = "Maximum" }
      "Invocations"            = { name = "Invokes", stat = "Sum" }
      "Open breakers"          = { name = "BreakerOpen", stat = "Maximum" }
    } : title => { stat = metric.stat, metrics = [for name in sort(keys(var.functions)) : [local.metrics, metric.name, "Function", name]] }
  }
  load_balancer = {
    "Requests of clients"       = { stat = "Sum", metrics = [["AWS/ApplicationELB", "RequestCount", "LoadBalancer", aws_lb.this.arn_suffix]] }
    "Time of a response, p99 s" = { stat = "p99", metrics = [["AWS/ApplicationELB", "TargetResponseTime", "LoadBalancer", aws_lb.this.arn_suffix]] }
    "Routers that are ready" = { stat = "Minimum", metrics = [
      ["AWS/ApplicationELB", "HealthyHostCount", "LoadBalancer", aws_lb.this.arn_suffix, "TargetGroup", aws_lb_target_group.this.arn_suffix],
    ] }
    "CPU of the routers, %" = { stat = "Average", metrics = [
      ["AWS/ECS", "CPUUtilization", "ClusterName", aws_ecs_cluster.this.name, "ServiceName", aws_ecs_service.this.name],
    ] }
    "Memory of the routers, %" = { stat = "Average", metrics = [
      ["AWS/ECS", "MemoryUtilization", "ClusterName", aws_ecs_cluster.this.name, "ServiceName", aws_ecs_service.this.name],
    ] }
  }
  graphs = concat(
    [for title, graph in local.load_balancer : merge(graph, { title = title })],
    [for title, graph in local.own : merge(graph, { title = title })],
  )
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = local.name
  dashboard_body = jsonencode({
    widgets = [
      for index, graph in local.graphs : {
        type       = "metric"
        x          = index % 3 * 8
        y          = floor(index / 3) * 6
        width      = 8
        height     = 6
        properties = { title = graph.title, stat = graph.stat, period = 60, region = var.deployment.region, metrics = graph.metrics }
      }
    ]
  })
}
