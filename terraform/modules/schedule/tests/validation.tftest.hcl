# What is published by the clock, and what is refused at plan time.

mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/fanout-test.schedule" }
  }
}

variables {
  deployment        = { namespace = "fanout-test", partition = "aws", region = "eu-central-1", account_id = "111122223333" }
  bus_arn           = "arn:aws:events:eu-central-1:111122223333:event-bus/fanout-test"
  dead_letter_queue = "arn:aws:sqs:eu-central-1:111122223333:fanout-test-undelivered"
  schedules         = { nightly = { expression = "cron(0 3 * * ? *)", event = "shop.orders/DayClosed" } }
}

run "publishes_an_envelope_whose_id_follows_from_the_hour" {
  assert {
    condition     = jsondecode(aws_scheduler_schedule.event["nightly"].target[0].input).metadata.event_id == "schedule/nightly/<aws.scheduler.scheduled-time>"
    error_message = "every attempt must publish the same event"
  }
  assert {
    condition     = strcontains(aws_scheduler_schedule.event["nightly"].target[0].input, "<aws.scheduler.scheduled-time>")
    error_message = "Scheduler looks for the characters themselves"
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.this[0].policy).Statement[*].Sid == ["Publish", "DeadLetter"]
    error_message = "the role may do what its schedules need, and no more"
  }
}

run "keeps_workers_warm" {
  variables {
    schedules         = {}
    heartbeats        = { billing = "arn:aws:lambda:eu-central-1:111122223333:function:fanout-test-billing:live" }
    heartbeat_minutes = 1
  }
  assert {
    condition     = aws_scheduler_schedule.heartbeat["billing"].schedule_expression == "rate(1 minute)"
    error_message = "one minute is singular"
  }
  assert {
    condition     = jsondecode(aws_scheduler_schedule.heartbeat["billing"].target[0].input) == { fanout_heartbeat_s = 0 }
    error_message = "a worker that answers direct invocations would take anything else for one"
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.this[0].policy).Statement[*].Sid == ["Heartbeat", "DeadLetter"]
    error_message = "the role may do what its schedules need, and no more"
  }
}

run "sends_canaries" {
  variables {
    schedules = {}
    canary    = { function = "arn:aws:lambda:eu-central-1:111122223333:function:fanout-test-canary", every = "rate(15 minutes)", paused = ["billing"] }
  }
  assert {
    condition     = jsondecode(aws_scheduler_schedule.canary[0].target[0].input) == { paused = ["billing"] }
    error_message = "the function is told of paused workers"
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.this[0].policy).Statement[*].Sid == ["Canary", "DeadLetter"]
    error_message = "the role may do what its schedules need, and no more"
  }
}

run "is_nothing_without_schedules" {
  command = plan

  variables {
    schedules = {}
  }
  assert {
    condition     = length(aws_iam_role.this) + length(aws_scheduler_schedule_group.this) == 0
    error_message = "no role that nothing uses"
  }
}

run "refuses_a_name_that_could_be_a_heartbeats" {
  command = plan

  variables {
    schedules = { "heartbeat.billing" = { expression = "rate(1 day)", event = "shop.orders/DayClosed" } }
  }
  expect_failures = [var.schedules]
}

run "refuses_an_expression_of_crontab" {
  command = plan

  variables {
    schedules = { nightly = { expression = "0 3 * * *", event = "shop.orders/DayClosed" } }
  }
  expect_failures = [var.schedules]
}

run "refuses_an_event_of_aws" {
  command = plan

  variables {
    schedules = { nightly = { expression = "rate(1 day)", event = "aws.s3/Object Created" } }
  }
  expect_failures = [var.schedules]
}

run "refuses_half_a_minute" {
  command = plan

  variables {
    heartbeat_minutes = 0.5
  }
  expect_failures = [var.heartbeat_minutes]
}
