# How long it may run, what rings, what its role may do, and what is refused at plan time.

mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/fanout-test-canary" }
  }
  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-central-1:111122223333:function:fanout-test-canary" }
  }
}

variables {
  deployment    = { namespace = "fanout-test", partition = "aws", region = "eu-central-1", account_id = "111122223333" }
  bus_arn       = "arn:aws:events:eu-central-1:111122223333:event-bus/fanout-test"
  alarm_topic   = "arn:aws:sns:eu-central-1:111122223333:fanout-test-alarms"
  every         = "rate(15 minutes)"
  workers       = { billing = 0, report = 300 }
  sources       = ["shop.orders"]
  event_buckets = ["fanout-test-uploads-111122223333"]
  package = {
    bucket       = "packages"
    key          = "canary.zip"
    hash         = "hash"
    handler      = "fanout_tools.canary.scheduled.handler"
    runtime      = "python3.13"
    architecture = "arm64"
    layers       = []
  }
}

run "may_run_longer_than_a_canary_may_take" {
  assert {
    condition     = aws_lambda_function.this.timeout > 60 + 300 && aws_lambda_function.this.timeout <= 900
    error_message = "the slowest worker's window is part of the limit"
  }
  assert {
    condition     = aws_lambda_function.this.reserved_concurrent_executions == 1 && aws_lambda_function_event_invoke_config.this.maximum_retry_attempts == 0
    error_message = "two runs must not meet"
  }
}

run "rings_for_a_failed_hop_and_for_silence" {
  assert {
    condition     = aws_cloudwatch_metric_alarm.failed.treat_missing_data == "ignore" && aws_cloudwatch_metric_alarm.failed.alarm_actions == toset([var.alarm_topic])
    error_message = "a failed hop rings until a run finds none"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.silent.period == 900 && aws_cloudwatch_metric_alarm.silent.evaluation_periods == 3 && aws_cloudwatch_metric_alarm.silent.treat_missing_data == "breaching"
    error_message = "three periods without a successful run must ring, also where there is no metric"
  }
}

run "counts_hours" {
  command = plan

  variables {
    every = "rate(1 hour)"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.silent.period == 3600
    error_message = "the alarm looks at one period of the schedule"
  }
}

run "puts_canaries_on_the_bus_and_nothing_else" {
  assert {
    condition     = one([for it in jsondecode(aws_iam_role_policy.this.policy).Statement : it.Condition if it.Sid == "Send"]) == { "ForAllValues:StringLike" = { "events:source" = ["canary.*"] } }
    error_message = "the role must not be able to publish events"
  }
  assert {
    condition     = one([for it in jsondecode(aws_iam_role_policy.this.policy).Statement : it.Resource if it.Sid == "Ask"]) == [for worker in ["billing", "report"] : "arn:aws:lambda:eu-central-1:111122223333:function:fanout-test-${worker}:*"]
    error_message = "workers' versions are what it may invoke"
  }
}

run "asks_for_nothing_that_is_not_there" {
  variables {
    sources       = []
    event_buckets = []
  }
  assert {
    condition     = !anytrue([for it in jsondecode(aws_iam_role_policy.this.policy).Statement : contains(["Topics", "Buckets", "Objects", "Key"], it.Sid)])
    error_message = "no statement without a resource"
  }
}

run "refuses_a_clock_that_is_too_fast" {
  command = plan

  variables {
    every = "rate(1 minute)"
  }
  expect_failures = [var.every]
}

run "refuses_a_clock_that_no_alarm_can_follow" {
  command = plan

  variables {
    every = "rate(9 hours)"
  }
  expect_failures = [var.every]
}

run "refuses_more_workers_than_a_role_can_name" {
  command = plan

  variables {
    workers = { for number in range(120) : "worker-with-a-long-name-${number}" => 0 }
  }
  expect_failures = [aws_iam_role_policy.this]
}

run "tells_nobody_that_an_alarm_is_over" {
  command = plan

  variables {
    ok_actions = []
  }
  assert {
    condition = alltrue([
      for alarm in [aws_cloudwatch_metric_alarm.failed, aws_cloudwatch_metric_alarm.silent] : alarm.alarm_actions == toset([var.alarm_topic]) && length(alarm.ok_actions) == 0
    ])
    error_message = "an empty set is not the alarms' actions"
  }
}
