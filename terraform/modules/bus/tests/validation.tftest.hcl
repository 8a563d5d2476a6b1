# What the bus refuses at plan time.

mock_provider "aws" {}

variables {
  deployment = { namespace = "fanout-test", partition = "aws", region = "eu-central-1", account_id = "111122223333" }
  subscribed = { "shop.orders" = ["OrderPlaced"] }
}

run "accepts_a_domain" {
  command = plan

  assert {
    condition     = keys(aws_cloudwatch_event_rule.unmatched) == ["unmatched", "unmatched-shop-orders"]
    error_message = "unknown sources and the unknown names of each known source have a rule each"
  }
}

run "refuses_to_forward_other_sources_than_aws" {
  command = plan

  variables {
    forwarded = { "shop.orders" = "{}" }
  }
  expect_failures = [var.forwarded]
}

run "refuses_a_pattern_over_2048_characters" {
  command = plan

  variables {
    subscribed = { "shop.orders" = [for number in range(200) : "OrderChanged${number}"] }
  }
  expect_failures = [aws_cloudwatch_event_rule.unmatched]
}
