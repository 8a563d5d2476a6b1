# What the router is given, and what is refused at plan time: every value that another one depends on.

mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/made-up" }
  }
  mock_resource "aws_lb" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/app/fanout-test-router/0123456789abcdef" }
  }
  mock_resource "aws_lb_target_group" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/fanout-test-router/0123456789abcdef" }
  }
}

variables {
  deployment = { namespace = "fanout-test", partition = "aws", region = "eu-central-1", account_id = "111122223333" }
  vpc = {
    id                 = "vpc-1"
    public_cidr_blocks = ["10.0.0.0/24", "10.0.1.0/24"]
    public_subnet_ids  = ["subnet-1", "subnet-2"]
    private_subnet_ids = ["subnet-3", "subnet-4"]
  }
  image_tag       = "1.4.0"
  certificate_arn = "arn:aws:acm:eu-central-1:111122223333:certificate/12345678"
  control_secret  = { arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:router-AbCdEf" }
  alarm_topic     = "arn:aws:sns:eu-central-1:111122223333:fanout-test-alarms"
  functions = {
    shop = {
      arn       = "arn:aws:lambda:eu-central-1:111122223333:function:fanout-test-shop"
      alias     = "live"
      timeout_s = 900
    }
  }
}

run "makes_a_router_that_may_only_invoke_its_functions" {
  override_resource {
    target = aws_ecr_repository.this
    values = { repository_url = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/fanout-test-router" }
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.task.policy).Statement == [{
      Sid      = "Invoke"
      Effect   = "Allow"
      Action   = ["lambda:InvokeFunction"]
      Resource = ["arn:aws:lambda:eu-central-1:111122223333:function:fanout-test-shop:live"]
    }]
    error_message = "the router invokes its functions' aliases and does nothing else"
  }
  assert {
    condition = alltrue([
      for it in [jsondecode(aws_ecs_task_definition.this.container_definitions)[0]] :
      it.readonlyRootFilesystem && it.user == "10001:10001" && it.linuxParameters.capabilities.drop == ["ALL"]
    ])
    error_message = "the container writes nothing and is nobody"
  }
  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].stopTimeout == 55
    error_message = "SIGKILL comes after the drain of 45 s"
  }
  assert {
    condition = {
      for it in jsondecode(aws_ecs_task_definition.this.container_definitions)[0].environment : it.name => it.value
    }.DISPATCH_KEEP_ALIVE_S == "70"
    error_message = "the router keeps idle connections for longer than the load balancer"
  }
  assert {
    condition = {
      for it in jsondecode(aws_ecs_task_definition.this.container_definitions)[0].environment : it.name => it.value
    }.DISPATCH_TRUSTED_PROXIES == jsonencode(["10.0.0.0/24", "10.0.1.0/24"])
    error_message = "the load balancer's subnets are believed, not the whole VPC"
  }
  assert {
    condition = alltrue([
      for metric in ["Requests", "Errors5xx", "QueueDepth", "QueueTime", "Environments", "Invokes", "BreakerOpen"] :
      contains(flatten(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets[*].properties.metrics), metric)
    ])
    error_message = "the dashboard has every metric that the routers publish"
  }
  assert {
    condition     = aws_lb.this.idle_timeout == 60 && aws_lb.this.drop_invalid_header_fields && aws_lb_target_group.this.deregistration_delay == "45"
    error_message = "the load balancer's times follow the router's"
  }
  assert {
    condition     = aws_lb_target_group.this.health_check[0].port == "8081" && aws_lb_target_group.this.health_check[0].path == "/readyz"
    error_message = "a router that is not ready gets no requests"
  }
  assert {
    condition     = aws_lb_listener.http.default_action[0].type == "redirect" && aws_lb_listener.http.default_action[0].redirect[0].protocol == "HTTPS"
    error_message = "plain HTTP is only told where to go"
  }
  assert {
    condition     = aws_vpc_security_group_ingress_rule.control.from_port == 8443 && aws_vpc_security_group_ingress_rule.control.referenced_security_group_id == aws_security_group.web.id && aws_vpc_security_group_ingress_rule.control.cidr_ipv4 == null
    error_message = "only web functions reach the control port"
  }
  assert {
    condition     = aws_ecr_repository.this.image_tag_mutability == "IMMUTABLE" && aws_ecr_repository.this.image_scanning_configuration[0].scan_on_push
    error_message = "an image that was released stays what it is"
  }
  assert {
    condition = alltrue([
      for alarm in [
        aws_cloudwatch_metric_alarm.errors, aws_cloudwatch_metric_alarm.unhealthy, aws_cloudwatch_metric_alarm.none_healthy,
        aws_cloudwatch_metric_alarm.queue_time["shop"], aws_cloudwatch_metric_alarm.breaker["shop"],
      ] : alarm.alarm_actions == toset([var.alarm_topic]) && alarm.ok_actions == alarm.alarm_actions
    ])
    error_message = "every alarm speaks to the alarm topic"
  }
  assert {
    condition     = length(aws_lb.this.access_logs) == 0 && length(aws_vpc_security_group_ingress_rule.clients) == 4
    error_message = "no access logs unless asked for; 80 and 443 for IPv4 and IPv6"
  }
}

run "spot_logs_and_the_secrets_own_key_when_told" {
  variables {
    task               = { spot_percent = 70, cpu = 1024, memory_mb = 2048 }
    access_logs_bucket = "logs"
    control_secret = {
      arn     = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:router-AbCdEf"
      key_arn = "arn:aws:kms:eu-central-1:111122223333:key/12345678"
    }
  }
  assert {
    condition = { for it in aws_ecs_service.this.capacity_provider_strategy : it.capacity_provider => [it.base, it.weight] } == {
      FARGATE      = [1, 30]
      FARGATE_SPOT = [0, 70]
    }
    error_message = "one router at least is not on Spot"
  }
  assert {
    condition     = aws_lb.this.access_logs[0].bucket == "logs"
    error_message = "access logs go to the bucket"
  }
  assert {
    condition = anytrue([
      for it in jsondecode(aws_iam_role_policy.execution.policy).Statement :
      it.Action == ["kms:Decrypt"] && it.Resource == ["arn:aws:kms:eu-central-1:111122223333:key/12345678"] && can(it.Condition.StringEquals["kms:ViaService"])
    ])
    error_message = "ECS may decrypt the certificate with its key, by way of Secrets Manager"
  }
}

run "refuses_one_public_subnet" {
  command = plan

  variables {
    vpc = { id = "vpc-1", public_cidr_blocks = ["10.0.0.0/16"], public_subnet_ids = ["subnet-1"], private_subnet_ids = ["subnet-3"] }
  }
  expect_failures = [var.vpc]
}

run "refuses_no_private_subnet" {
  command = plan

  variables {
    vpc = { id = "vpc-1", public_cidr_blocks = ["10.0.0.0/16"], public_subnet_ids = ["subnet-1", "subnet-2"], private_subnet_ids = [] }
  }
  expect_failures = [var.vpc]
}

run "refuses_to_believe_everybody" {
  command = plan

  variables {
    vpc = { id = "vpc-1", public_cidr_blocks = ["10.0.0.0/8"], public_subnet_ids = ["subnet-1", "subnet-2"], private_subnet_ids = ["subnet-3"] }
  }
  expect_failures = [var.vpc]
}

run "refuses_no_addresses_of_the_load_balancer" {
  command = plan

  variables {
    vpc = { id = "vpc-1", public_cidr_blocks = [], public_subnet_ids = ["subnet-1", "subnet-2"], private_subnet_ids = ["subnet-3"] }
  }
  expect_failures = [var.vpc]
}

run "refuses_an_image_that_changes" {
  command = plan

  variables {
    image_tag = "latest"
  }
  expect_failures = [var.image_tag]
}

run "refuses_a_certificate_that_is_none" {
  command = plan

  variables {
    certificate_arn = "arn:aws:iam::111122223333:server-certificate/shop"
  }
  expect_failures = [var.certificate_arn]
}

run "refuses_half_of_a_secrets_arn" {
  command = plan

  variables {
    control_secret = { arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:router" }
  }
  expect_failures = [var.control_secret]
}

run "refuses_no_function" {
  command = plan

  variables {
    functions = {}
  }
  expect_failures = [var.functions]
}

run "refuses_a_function_with_a_long_name" {
  command = plan

  variables {
    functions = { a-name-of-21-letters-xx = { arn = "arn", alias = "live", timeout_s = 900 } }
  }
  expect_failures = [var.functions]
}

run "refuses_a_minimum_above_the_maximum" {
  command = plan

  variables {
    functions = { shop = { arn = "arn", alias = "live", timeout_s = 900, minimum = 5, maximum = 4 } }
  }
  expect_failures = [var.functions]
}

run "refuses_a_function_that_hardly_serves" {
  command = plan

  variables {
    functions = { shop = { arn = "arn", alias = "live", timeout_s = 30 } }
  }
  expect_failures = [var.functions]
}

run "refuses_less_concurrency_than_routers_ask_for" {
  command = plan

  variables {
    functions = { shop = { arn = "arn", alias = "live", timeout_s = 900, maximum = 100, reserved_concurrency = 399 } }
  }
  expect_failures = [var.functions]
}

run "refuses_two_functions_in_one_place" {
  command = plan

  variables {
    functions = { a = { arn = "arn", alias = "live", timeout_s = 900 }, b = { arn = "arn", alias = "live", timeout_s = 900 } }
  }
  expect_failures = [var.functions]
}

run "refuses_cores_that_one_process_cannot_use" {
  command = plan

  variables {
    task = { cpu = 2048, memory_mb = 4096 }
  }
  expect_failures = [var.task]
}

run "refuses_memory_that_fargate_has_not" {
  command = plan

  variables {
    task = { cpu = 1024, memory_mb = 1024 }
  }
  expect_failures = [var.task]
}

run "refuses_an_unknown_architecture" {
  command = plan

  variables {
    task = { architecture = "riscv" }
  }
  expect_failures = [var.task]
}

run "refuses_a_spot_share_over_all" {
  command = plan

  variables {
    task = { spot_percent = 101 }
  }
  expect_failures = [var.task]
}

run "refuses_fewer_routers_than_the_least" {
  command = plan

  variables {
    scaling = { minimum = 5, maximum = 4 }
  }
  expect_failures = [var.scaling]
}

run "refuses_a_cpu_target_over_all" {
  command = plan

  variables {
    scaling = { cpu_percent = 100 }
  }
  expect_failures = [var.scaling]
}

run "refuses_a_queue_time_that_never_rings" {
  command = plan

  variables {
    scaling = { queue_time_ms = 5001 }
  }
  expect_failures = [var.scaling]
}

run "refuses_a_load_balancer_that_gives_up_first" {
  command = plan

  variables {
    timeouts = { queue_s = 30, response_s = 30, idle_s = 60, drain_s = 60 }
  }
  expect_failures = [var.timeouts]
}

run "refuses_a_drain_that_breaks_requests_off" {
  command = plan

  variables {
    timeouts = { queue_s = 10, response_s = 30, drain_s = 39 }
  }
  expect_failures = [var.timeouts]
}

run "refuses_a_drain_longer_than_fargate_waits" {
  command = plan

  variables {
    timeouts = { drain_s = 111 }
  }
  expect_failures = [var.timeouts]
}

run "refuses_no_time_at_all" {
  command = plan

  variables {
    timeouts = { queue_s = 0, response_s = 30 }
  }
  expect_failures = [var.timeouts]
}

run "refuses_clients_that_are_no_block" {
  command = plan

  variables {
    client_cidrs = ["everybody"]
  }
  expect_failures = [var.client_cidrs]
}

run "refuses_an_error_rate_of_all" {
  command = plan

  variables {
    error_rate_percent = 100
  }
  expect_failures = [var.error_rate_percent]
}

run "tells_another_topic_that_an_alarm_is_over" {
  command = plan

  variables {
    ok_actions = ["arn:aws:sns:eu-central-1:111122223333:chat"]
  }
  assert {
    condition = alltrue([
      for alarm in [
        aws_cloudwatch_metric_alarm.errors, aws_cloudwatch_metric_alarm.unhealthy, aws_cloudwatch_metric_alarm.none_healthy,
        aws_cloudwatch_metric_alarm.queue_time["shop"], aws_cloudwatch_metric_alarm.breaker["shop"],
      ] : alarm.alarm_actions == toset([var.alarm_topic]) && alarm.ok_actions == var.ok_actions
    ])
    error_message = "the alarm topic hears that an alarm rings, and the chat that it is over"
  }
}
