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

run "leaves_other_teams_events_alone" {
  command = plan

  variables {
    bus        = { name = "shared", arn = "arn:aws:events:eu-central-1:111122223333:event-bus/shared" }
    subscribed = { "shop.orders" = ["OrderPlaced"], "aws.s3" = ["Object Created"] }
    counted    = ["shop.orders", "shop.media"]
  }
  assert {
    condition     = { for name, rule in aws_cloudwatch_event_rule.unmatched : name => jsondecode(rule.event_pattern).source } == { "fanout-test-unmatched" = ["shop.media"], "fanout-test-unmatched-shop-orders" = ["shop.orders"] }
    error_message = "only events of sources that are counted are unmatched"
  }
}

run "refuses_to_keep_aws_events_of_others" {
  command = plan

  variables {
    counted = ["shop.orders", "aws.s3"]
  }
  expect_failures = [var.counted]
}

run "needs_no_rule_of_unknown_sources_where_each_is_subscribed_to" {
  command = plan

  variables {
    bus     = { name = "shared", arn = "arn:aws:events:eu-central-1:111122223333:event-bus/shared" }
    counted = ["shop.orders"]
  }
  assert {
    condition     = keys(aws_cloudwatch_event_rule.unmatched) == ["fanout-test-unmatched-shop-orders"]
    error_message = "a pattern may not be empty"
  }
}
