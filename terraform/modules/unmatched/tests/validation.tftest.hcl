# What the rules beside the workers' refuse at plan time.

mock_provider "aws" {}

variables {
  deployment = { namespace = "fanout-test", partition = "aws", region = "eu-central-1", account_id = "111122223333" }
  bus        = { name = "fanout-test", arn = "arn:aws:events:eu-central-1:111122223333:event-bus/fanout-test" }
  queues = {
    unmatched   = "arn:aws:sqs:eu-central-1:111122223333:fanout-test-unmatched"
    undelivered = "arn:aws:sqs:eu-central-1:111122223333:fanout-test-undelivered"
  }
  subscribed = { "shop.orders" = ["OrderPlaced"] }
}

run "accepts_a_domain" {
  command = plan

  assert {
    condition     = keys(aws_cloudwatch_event_rule.unmatched) == ["unmatched", "unmatched-shop-orders"]
    error_message = "unknown sources and the unknown names of each known source have a rule each"
  }
}

run "keeps_canaries_from_the_unmatched" {
  command = plan

  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.unmatched["unmatched"].event_pattern).source[0].anything-but == ["shop.orders", "fanout.ops", "canary.fanout", "canary.shop.orders"]
    error_message = "the canaries of known sources, and those of workers that take every event, are not unmatched"
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
