# What the bus refuses at plan time.

mock_provider "aws" {}

variables {
  deployment = { namespace = "fanout-test", partition = "aws", region = "eu-central-1", account_id = "111122223333" }
  sources    = ["shop.orders"]
}

run "keeps_canaries_from_the_archive" {
  command = plan

  assert {
    condition     = jsondecode(aws_cloudwatch_event_archive.this[0].event_pattern) == { source = [{ anything-but = { prefix = "canary." } }] }
    error_message = "a replay must not send canaries again"
  }
}

run "refuses_a_publisher_of_canaries" {
  command = plan

  variables {
    publishers = [{ principal = "444455556666", sources = ["canary.shop.orders"] }]
  }
  expect_failures = [var.publishers]
}

run "refuses_half_a_day_of_archive" {
  command = plan

  variables {
    archive_days = 0.5
  }
  expect_failures = [var.archive_days]
}

run "lets_publishers_name_their_own_sources_only" {
  command = plan

  variables {
    publishers = [
      { principal = "444455556666", sources = ["shop.orders"] },
      { principal = "o-a1b2c3d4e5", sources = ["shop.media"] },
    ]
  }
  assert {
    condition = alltrue([
      for statement in jsondecode(aws_cloudwatch_event_bus_policy.publishers[0].policy).Statement :
      length(statement.Condition.StringEquals["events:source"]) == 1 && statement.Action == "events:PutEvents"
    ])
    error_message = "a publisher may name its sources, and put events only"
  }
  assert {
    condition     = jsondecode(aws_cloudwatch_event_bus_policy.publishers[0].policy).Statement[1].Condition.StringEquals["aws:PrincipalOrgID"] == "o-a1b2c3d4e5"
    error_message = "everyone means everyone of that organisation"
  }
}

run "has_no_policy_without_publishers" {
  command = plan

  assert {
    condition     = length(aws_cloudwatch_event_bus_policy.publishers) == 0
    error_message = "nobody else may publish"
  }
}

run "refuses_a_publisher_that_is_neither_account_nor_organisation" {
  command = plan

  variables {
    publishers = [{ principal = "*", sources = ["shop.orders"] }]
  }
  expect_failures = [var.publishers]
}

run "refuses_a_publisher_of_aws_events" {
  command = plan

  variables {
    publishers = [{ principal = "444455556666", sources = ["aws.s3"] }]
  }
  expect_failures = [var.publishers]
}

run "refuses_a_publisher_twice" {
  command = plan

  variables {
    publishers = [
      { principal = "444455556666", sources = ["shop.orders"] },
      { principal = "444455556666", sources = ["shop.media"] },
    ]
  }
  expect_failures = [var.publishers]
}

run "keeps_what_it_cannot_encrypt" {
  command = plan

  variables {
    security = { key_alias = "alias/fanout-test", key_arn = "arn:aws:kms:eu-central-1:111122223333:key/1" }
  }
  assert {
    condition     = length(aws_cloudwatch_event_bus.this[0].dead_letter_config) == 1 && aws_sqs_queue.undelivered.kms_master_key_id == "alias/fanout-test"
    error_message = "a bus with a key of its own needs a DLQ, encrypted too"
  }
  assert {
    condition     = strcontains(aws_sqs_queue.undelivered.policy, "event-bus/fanout-test")
    error_message = "the bus itself must be let into its DLQ"
  }
}

run "uses_an_existing_bus" {
  command = plan

  variables {
    existing = { name = "shared", archived = ["shop.orders", "fanout.ops"] }
    security = { key_alias = "alias/fanout-test", key_arn = "arn:aws:kms:eu-central-1:111122223333:key/1" }
  }
  assert {
    condition     = length(aws_cloudwatch_event_bus.this) == 0 && output.name == "shared" && output.arn == "arn:aws:events:eu-central-1:111122223333:event-bus/shared"
    error_message = "none is made, and it is named by its own name"
  }
  assert {
    condition     = aws_cloudwatch_event_archive.this[0].name == "fanout-test" && jsondecode(aws_cloudwatch_event_archive.this[0].event_pattern) == { source = ["fanout.ops", "shop.orders"] }
    error_message = "the archive is the deployment's, of its own events"
  }
  assert {
    condition = jsondecode(aws_sqs_queue.unmatched.policy).Statement[0].Condition.ArnEquals["aws:SourceArn"] == [
      "arn:aws:events:eu-central-1:111122223333:rule/shared/fanout-test-unmatched",
      "arn:aws:events:eu-central-1:111122223333:rule/shared/fanout-test-unmatched-shop-orders",
    ]
    error_message = "rules on it begin with the namespace"
  }
  assert {
    condition     = !strcontains(aws_sqs_queue.undelivered.policy, "event-bus/")
    error_message = "where it keeps what it cannot encrypt is its owner's to say"
  }
}

run "names_rules_of_the_default_bus_without_it" {
  command = plan

  variables {
    existing = { name = "default", archived = ["shop.orders"] }
  }
  assert {
    condition     = jsondecode(aws_sqs_queue.unmatched.policy).Statement[0].Condition.ArnEquals["aws:SourceArn"][0] == "arn:aws:events:eu-central-1:111122223333:rule/fanout-test-unmatched"
    error_message = "the default bus is no part of its rules' ARNs"
  }
}

run "lets_in_no_rule_that_there_is_not" {
  command = plan

  variables {
    existing = { name = "shared", archived = ["shop.orders"], unknown = false }
  }
  assert {
    condition     = jsondecode(aws_sqs_queue.unmatched.policy).Statement[0].Condition.ArnEquals["aws:SourceArn"] == ["arn:aws:events:eu-central-1:111122223333:rule/shared/fanout-test-unmatched-shop-orders"]
    error_message = "where each source is subscribed to, none can be unknown"
  }
}

run "refuses_publishers_of_an_existing_bus" {
  command = plan

  variables {
    existing   = { name = "shared", archived = ["shop.orders"] }
    publishers = [{ principal = "444455556666", sources = ["shop.orders"] }]
  }
  expect_failures = [var.publishers]
}
