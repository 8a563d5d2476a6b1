# What a topic refuses at plan time.

mock_provider "aws" {}

variables {
  deployment  = { namespace = "fanout-test", partition = "aws", region = "eu-central-1", account_id = "111122223333" }
  bus_name    = "fanout-test"
  source_name = "shop.orders"
}

run "accepts_a_domain" {
  command = plan

  assert {
    condition     = aws_sns_topic.this.name == "fanout-test-shop-orders"
    error_message = "dots of a source are hyphens in its topic's name"
  }
  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.this.event_pattern) == { source = ["shop.orders", "canary.shop.orders"] }
    error_message = "the domain's canaries take its way"
  }
}

run "refuses_a_source_that_no_rule_can_be_named_after" {
  command = plan

  variables {
    source_name = "Shop Orders"
  }
  expect_failures = [var.source_name]
}

run "refuses_a_source_too_long_for_the_name_of_a_rule" {
  command = plan

  variables {
    source_name = join("", [for _ in range(55) : "s"])
  }
  expect_failures = [var.source_name]
}

run "refuses_the_platforms_own_topic" {
  command = plan

  variables {
    source_name = "alarms"
  }
  expect_failures = [var.source_name]
}
