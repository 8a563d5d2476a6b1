# What is watched, and what is refused at plan time.

mock_provider "aws" {}

variables {
  deployment         = { namespace = "fanout-test", partition = "aws", region = "eu-central-1", account_id = "111122223333" }
  bus_name           = "fanout-test"
  topics             = ["fanout-test-shop-orders"]
  dead_letter_queues = ["fanout-test-unmatched"]
  relays             = ["fanout-test-outbox"]
  workflows          = { fulfilment = "arn:aws:states:eu-central-1:111122223333:stateMachine:fanout-test-fulfilment" }
  pipes              = { imports = "fanout-test-imports" }
  workers = {
    billing = {
      queue              = "fanout-test-billing"
      dead_letter_queues = ["fanout-test-billing-dlq"]
      function           = "fanout-test-billing"
      log_group          = "/aws/lambda/fanout-test-billing"
      age_s              = 300
      domains            = ["shop.orders"]
    }
  }
}

run "rings_for_each_queue_that_should_be_empty" {
  command = plan

  assert {
    condition     = toset([for alarm in aws_cloudwatch_metric_alarm.dead_letters : alarm.dimensions.QueueName]) == toset(["fanout-test-unmatched", "fanout-test-billing-dlq"])
    error_message = "every DLQ needs an alarm"
  }
  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.dead_letters : alarm.evaluation_periods == 2 && alarm.datapoints_to_alarm == 1])
    error_message = "a look that hides a queue's messages for some seconds does not end its alarm"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.age["billing"].threshold == 300
    error_message = "the age alarm rings at the worker's slo.age_s"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.relay_age["fanout-test-outbox"].threshold == 900000
    error_message = "a relay's alarm counts milliseconds: 900 s"
  }
  assert {
    condition = alltrue(flatten([
      for alarms in [
        aws_cloudwatch_metric_alarm.dead_letters, aws_cloudwatch_metric_alarm.age, aws_cloudwatch_metric_alarm.throttles,
        aws_cloudwatch_metric_alarm.topic_lost, aws_cloudwatch_metric_alarm.errors, aws_cloudwatch_metric_alarm.rules,
        aws_cloudwatch_metric_alarm.relay_age, aws_cloudwatch_metric_alarm.executions,
        aws_cloudwatch_metric_alarm.pipes, aws_cloudwatch_metric_alarm.pipe_throttles,
      ] : [for alarm in alarms : alarm.alarm_actions == toset(["arn:aws:sns:eu-central-1:111122223333:fanout-test-alarms"])]
    ]))
    error_message = "every alarm speaks to the alarm topic"
  }
  assert {
    condition = toset(flatten([for query in aws_cloudwatch_metric_alarm.executions["fulfilment"].metric_query : query.metric[*].metric_name])) == toset([
      "ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted",
    ])
    error_message = "an execution may end badly in three ways"
  }
  assert {
    condition = toset(flatten([for query in aws_cloudwatch_metric_alarm.pipes["imports"].metric_query : query.metric[*].metric_name])) == toset([
      "ExecutionFailed", "ExecutionPartiallyFailed", "ExecutionTimeout",
    ])
    error_message = "a pipe may fail in three ways"
  }
  assert {
    condition     = join(" ", output.worker_alarms["billing"]) == join(" ", ["fanout-test-billing-age", "fanout-test-billing-errors", "fanout-test-billing-throttles", "fanout-test-billing-dlq-not-empty"])
    error_message = "these alarms set a worker's traffic back"
  }
  assert {
    condition     = strcontains(aws_cloudwatch_dashboard.worker["billing"].dashboard_body, "fanout-test-billing-dlq")
    error_message = "a worker's dashboard shows its DLQ"
  }
  assert {
    condition     = strcontains(aws_cloudwatch_dashboard.worker["billing"].dashboard_body, "[\"fanout\",\"handled\",\"namespace\",\"fanout-test\",\"worker\",\"billing\"]")
    error_message = "a worker's dashboard shows this deployment's records, not those of another in the account"
  }
  assert {
    condition     = aws_cloudwatch_query_definition.this["errors"].log_group_names == tolist(["/aws/lambda/fanout-test-billing"])
    error_message = "queries are kept with the workers' log groups"
  }
}

run "saves_what_costs_money_when_told" {
  command = plan

  variables {
    worker_dashboards = false
    log_queries       = false
  }
  assert {
    condition     = length(aws_cloudwatch_dashboard.worker) + length(aws_cloudwatch_query_definition.this) == 0
    error_message = "neither dashboards of workers nor queries were asked for"
  }
}

run "refuses_what_is_no_address" {
  command = plan

  variables {
    emails = ["the team"]
  }
  expect_failures = [var.emails]
}

run "refuses_an_error_rate_that_never_rings" {
  command = plan

  variables {
    error_rate_percent = 100
  }
  expect_failures = [var.error_rate_percent]
}

run "gives_each_domain_a_page_when_one_cannot_hold_all" {
  command = plan

  variables {
    workers = {
      for index in range(250) : format("w%03d", index) => {
        queue              = format("fanout-test-w%03d", index)
        dead_letter_queues = [format("fanout-test-w%03d-dlq", index)]
        function           = format("fanout-test-w%03d", index)
        log_group          = format("/aws/lambda/fanout-test-w%03d", index)
        age_s              = 300
        domains            = concat([index < 130 ? "shop.orders" : "shop.billing"], index == 0 ? ["*"] : [])
      }
    }
    dead_letter_queues = ["fanout-test-unmatched"]
    worker_dashboards  = false
  }

  assert {
    condition = toset([for it in aws_cloudwatch_dashboard.domain : it.dashboard_name]) == toset([
      "fanout-test_shop_orders", "fanout-test_shop_orders_2", "fanout-test_shop_billing", "fanout-test_shop_billing_2", "fanout-test_every_event",
    ])
    error_message = "a page shows at most 100 workers of a domain"
  }
  assert {
    condition = alltrue([
      for it in concat(aws_cloudwatch_dashboard.environment, values(aws_cloudwatch_dashboard.domain)) :
      sum([for widget in jsondecode(it.dashboard_body).widgets : length(lookup(widget.properties, "metrics", []))]) <= 2500
    ])
    error_message = "a dashboard takes 2,500 metrics"
  }
  assert {
    condition     = strcontains(aws_cloudwatch_dashboard.environment[0].dashboard_body, "fanout-test_shop_billing_2") && strcontains(aws_cloudwatch_dashboard.environment[0].dashboard_body, "fanout-test-unmatched")
    error_message = "the environment's page says where to look, and shows the queues that are no worker's"
  }
  assert {
    condition     = length(aws_cloudwatch_query_definition.this) == 20 && alltrue([for it in aws_cloudwatch_query_definition.this : length(it.log_group_names) <= 50])
    error_message = "a query names 50 log groups: four queries in five parts each"
  }
  assert {
    condition     = aws_cloudwatch_query_definition.this["errors (5 of 5)"].name == "fanout-test/errors (5 of 5)"
    error_message = "parts of a query are numbered"
  }
}

run "calls_others_and_takes_a_workers_own_share_of_errors" {
  command = plan

  variables {
    urls = ["https://events.pager.example/integration/1"]
    workers = {
      billing = {
        queue              = "fanout-test-billing"
        dead_letter_queues = ["fanout-test-billing-dlq"]
        function           = "fanout-test-billing"
        log_group          = "/aws/lambda/fanout-test-billing"
        age_s              = 300
        domains            = ["shop.orders"]
        error_percent      = 2
      }
    }
  }
  assert {
    condition     = one(values(aws_sns_topic_subscription.url)).protocol == "https"
    error_message = "an incident service is called by HTTPS"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.errors["billing"].threshold == 2
    error_message = "a worker's own share of errors comes before the environment's"
  }
}

run "calls_nobody_in_the_clear" {
  command = plan

  variables {
    urls = ["http://events.pager.example"]
  }
  expect_failures = [var.urls]
}

run "leaves_to_each_stack_what_is_its_own" {
  command = plan

  variables {
    own = []
  }
  assert {
    condition     = keys(aws_cloudwatch_metric_alarm.dead_letters) == ["fanout-test-unmatched"] && length(aws_cloudwatch_metric_alarm.age) == 0
    error_message = "a worker's alarms stand with the worker"
  }
  assert {
    condition     = strcontains(aws_cloudwatch_dashboard.environment[0].dashboard_body, "fanout-test-billing-dlq")
    error_message = "the environment's page shows every worker"
  }
}

run "is_a_workers_alone" {
  command = plan

  variables {
    shared             = false
    topics             = []
    dead_letter_queues = []
    relays             = []
    workflows          = {}
    pipes              = {}
  }
  assert {
    condition     = keys(aws_cloudwatch_metric_alarm.dead_letters) == ["fanout-test-billing-dlq"] && keys(aws_cloudwatch_metric_alarm.age) == ["billing"]
    error_message = "its alarms are here"
  }
  assert {
    condition     = length(aws_cloudwatch_dashboard.environment) + length(aws_sns_topic.alarms) + length(aws_cloudwatch_metric_alarm.rules) + length(aws_cloudwatch_query_definition.this) == 0
    error_message = "what is nobody's alone stands elsewhere"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.age["billing"].alarm_actions == toset(["arn:aws:sns:eu-central-1:111122223333:fanout-test-alarms"])
    error_message = "its alarms speak to the platform's topic"
  }
}

run "tells_other_topics_too" {
  command = plan

  variables {
    actions = ["arn:aws:sns:eu-central-1:111122223333:chat"]
  }
  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.dead_letters : contains(alarm.alarm_actions, "arn:aws:sns:eu-central-1:111122223333:chat") && length(alarm.ok_actions) == 2])
    error_message = "another topic hears that an alarm rings, and that it is over"
  }
}

run "tells_another_topic_that_it_is_over" {
  command = plan

  variables {
    own        = ["billing"]
    ok_actions = ["arn:aws:sns:eu-central-1:111122223333:chat"]
  }
  assert {
    condition = alltrue(flatten([
      for alarms in [
        aws_cloudwatch_metric_alarm.dead_letters, aws_cloudwatch_metric_alarm.age, aws_cloudwatch_metric_alarm.throttles,
        aws_cloudwatch_metric_alarm.topic_lost, aws_cloudwatch_metric_alarm.errors, aws_cloudwatch_metric_alarm.rules,
        aws_cloudwatch_metric_alarm.relay_age, aws_cloudwatch_metric_alarm.executions,
        aws_cloudwatch_metric_alarm.pipes, aws_cloudwatch_metric_alarm.pipe_throttles,
        ] : [
        for alarm in alarms : alarm.ok_actions == toset(["arn:aws:sns:eu-central-1:111122223333:chat"])
        && alarm.alarm_actions == toset(["arn:aws:sns:eu-central-1:111122223333:fanout-test-alarms"])
      ]
    ]))
    error_message = "the alarms' topic hears that an alarm rings, and the chat that it is over"
  }
}

run "tells_nobody_that_it_is_over" {
  command = plan

  variables {
    actions    = ["arn:aws:sns:eu-central-1:111122223333:pager"]
    ok_actions = []
  }
  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.dead_letters : length(alarm.ok_actions) == 0 && length(alarm.alarm_actions) == 2])
    error_message = "an empty set is not the alarms' actions"
  }
}

run "refuses_an_ok_action_that_is_no_arn" {
  command = plan

  variables {
    ok_actions = ["chat"]
  }
  expect_failures = [var.ok_actions]
}

run "refuses_an_action_that_is_no_arn" {
  command = plan

  variables {
    actions = ["chat"]
  }
  expect_failures = [var.actions]
}
