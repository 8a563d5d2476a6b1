# Who may write to a topic, and what it refuses at plan time.

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

run "lets_eventbridge_write_without_a_source_unless_it_is_foreign" {
  command = plan

  assert {
    condition     = [for it in jsondecode(aws_sns_topic.this.policy).Statement : it.Sid if it.Effect == "Allow" && !can(it.Condition)] == ["Rule"]
    error_message = "conditions in a topic's policy are ruled out for EventBridge"
  }
  assert {
    condition     = one([for it in jsondecode(aws_sns_topic.this.policy).Statement : it.Condition if it.Sid == "ForeignSource"]).StringNotEquals["aws:SourceAccount"] == "111122223333"
    error_message = "a source of another account is refused where one is named"
  }
  assert {
    condition     = aws_cloudwatch_event_target.this.role_arn == null && length(aws_iam_role.publish) == 0
    error_message = "and no role is taken on"
  }
}

run "lets_a_role_of_the_domain_write" {
  command = apply

  variables {
    bus_grants = "role"
    security   = { key_alias = "alias/fanout-test", key_arn = "arn:aws:kms:eu-central-1:111122223333:key/test" }
  }
  override_resource {
    target = aws_iam_role.publish[0]
    values = { arn = "arn:aws:iam::111122223333:role/fanout-test.shop-orders.publish" }
  }
  override_resource {
    target = aws_sns_topic.this
    values = { arn = "arn:aws:sns:eu-central-1:111122223333:fanout-test-shop-orders" }
  }
  override_resource {
    target = aws_sqs_queue.undelivered
    values = { arn = "arn:aws:sqs:eu-central-1:111122223333:fanout-test-shop-orders-undelivered" }
  }
  assert {
    condition     = aws_cloudwatch_event_target.this.role_arn == aws_iam_role.publish[0].arn
    error_message = "the rule takes it on"
  }
  assert {
    condition     = !strcontains(aws_sns_topic.this.policy, "events.amazonaws.com")
    error_message = "the service itself may do nothing"
  }
  assert {
    condition = {
      for it in jsondecode(aws_iam_role_policy.publish[0].policy).Statement : it.Sid => it.Resource
      } == {
      Publish    = ["arn:aws:sns:eu-central-1:111122223333:fanout-test-shop-orders"]
      DeadLetter = ["arn:aws:sqs:eu-central-1:111122223333:fanout-test-shop-orders-undelivered"]
      Key        = ["arn:aws:kms:eu-central-1:111122223333:key/test"]
    }
    error_message = "the role writes to its topic, its DLQ, and with their key only"
  }
}

run "leaves_a_topic_to_the_accounts_roles_where_nothing_else_is_to_be_said" {
  command = plan

  variables {
    bus_grants = "role"
    security   = { tls_only = false }
  }
  assert {
    condition     = jsondecode(aws_sns_topic.this.policy).Statement[*].Principal.AWS == ["arn:aws:iam::111122223333:root"]
    error_message = "a policy without a statement is none"
  }
}

run "names_the_role_of_a_long_source_within_64_characters" {
  command = plan

  variables {
    bus_grants  = "role"
    source_name = "shop.${join("", [for _ in range(45) : "s"])}"
  }
  assert {
    condition     = length(aws_iam_role.publish[0].name) == 64
    error_message = "IAM takes 64 characters"
  }
}

run "refuses_an_unknown_kind_of_grant" {
  command = plan

  variables {
    bus_grants = "both"
  }
  expect_failures = [var.bus_grants]
}
