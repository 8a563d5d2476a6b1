# The router's task and service.

locals {
  # A request that was taken has its answer within the drain, and SIGKILL comes after it: see the router's `drain`.
  stop_timeout_s = var.timeouts.drain_s + 10

  # Each option of router/fanout_router/config.py that the module decides; a web function's own settings go through.
  functions = [
    for name, function in var.functions : {
      name               = name
      host               = function.host
      prefix             = function.prefix
      lambda_function    = function.arn
      lambda_qualifier   = function.alias
      channels           = function.channels
      minimum            = function.minimum
      maximum            = function.maximum
      spare              = function.spare
      function_timeout_s = function.timeout_s
      open_timeout_s     = function.open_timeout_s
      queue_timeout_s    = var.timeouts.queue_s
      response_timeout_s = var.timeouts.response_s
      idle_timeout_s     = var.timeouts.idle_s
    }
  ]
  environment = {
    AWS_DEFAULT_REGION = var.deployment.region

    DISPATCH_HOST         = "0.0.0.0"
    DISPATCH_ADMIN_HOST   = "0.0.0.0"
    DISPATCH_CONTROL_HOST = "0.0.0.0" # environments are told the task's own address
    # The load balancer's own subnets, and nobody else in the VPC: what it says of the client is believed.
    DISPATCH_TRUSTED_PROXIES = jsonencode(var.vpc.public_cidr_blocks)
    # Else the load balancer might send a request on a connection that the router is just closing, and answer 502:
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html#http-502-issues
    DISPATCH_KEEP_ALIVE_S  = tostring(var.timeouts.idle_s + 10)
    DISPATCH_DRAIN_S       = tostring(var.timeouts.drain_s)
    DISPATCH_ACCESS_LOG    = tostring(var.access_log)
    DISPATCH_EMF_NAMESPACE = local.metrics
    DISPATCH_FUNCTIONS     = jsonencode(local.functions)
  }
  alive = "import urllib.request as r; r.urlopen('http://127.0.0.1:${local.admin_port}/healthz', timeout=3)"
}

resource "aws_ecs_task_definition" "this" {
  family                   = local.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.task.cpu
  memory                   = var.task.memory_mb
  task_role_arn            = aws_iam_role.task.arn
  execution_role_arn       = aws_iam_role.execution.arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = upper(var.task.architecture)
  }
  container_definitions = jsonencode([{
    name                   = "router"
    image                  = "${aws_ecr_repository.this.repository_url}:${var.image_tag}"
    essential              = true
    user                   = "10001:10001"
    readonlyRootFilesystem = true
    stopTimeout            = local.stop_timeout_s
    linuxParameters        = { initProcessEnabled = true, capabilities = { add = [], drop = ["ALL"] } }
    ulimits                = [{ name = "nofile", softLimit = 65535, hardLimit = 65535 }]
    portMappings           = [for port in [local.client_port, local.admin_port, local.control_port] : { containerPort = port, hostPort = port, protocol = "tcp" }]
    environment            = [for name, value in local.environment : { name = name, value = value }]
    secrets = [
      { name = "DISPATCH_CONTROL_CERTIFICATE_PEM", valueFrom = "${var.control_secret.arn}:certificate::" },
      { name = "DISPATCH_CONTROL_KEY_PEM", valueFrom = "${var.control_secret.arn}:key::" },
    ]
    healthCheck = {
      command     = ["CMD", "python", "-c", local.alive]
      interval    = 10
      timeout     = 5
      retries     = 3
      startPeriod = 15
    }
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = var.deployment.region
        awslogs-stream-prefix = "router"
        # A log that cannot keep up must not hold requests up.
        mode            = "non-blocking"
        max-buffer-size = "4m"
      }
    }
  }])
}

resource "aws_ecs_service" "this" {
  name                               = local.name
  cluster                            = aws_ecs_cluster.this.id
  task_definition                    = aws_ecs_task_definition.this.arn
  desired_count                      = var.scaling.minimum
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  health_check_grace_period_seconds  = 60
  propagate_tags                     = "SERVICE"

  # One task at least is not to be taken away at two minutes' notice.
  dynamic "capacity_provider_strategy" {
    for_each = { FARGATE = { base = 1, weight = 100 - var.task.spot_percent }, FARGATE_SPOT = { base = 0, weight = var.task.spot_percent } }
    content {
      capacity_provider = capacity_provider_strategy.key
      base              = capacity_provider_strategy.value.base
      weight            = capacity_provider_strategy.value.weight
    }
  }
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }
  network_configuration {
    subnets          = var.vpc.private_subnet_ids
    security_groups  = [aws_security_group.router.id]
    assign_public_ip = false
  }
  load_balancer {
    target_group_arn = aws_lb_target_group.this.arn
    container_name   = "router"
    container_port   = local.client_port
  }

  lifecycle {
    ignore_changes = [desired_count] # scaling decides
  }
  depends_on = [
    aws_ecs_cluster_capacity_providers.this, aws_lb_listener.https, aws_iam_role_policy.execution, aws_iam_role_policy.task,
  ]
}
