# What a workflow may do, and what it refuses at plan time.

mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/fanout-test.fulfilment" }
  }
  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-central-1:111122223333:fanout-test-fulfilment-undelivered" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:111122223333:log-group:/aws/vendedlogs/states/fanout-test-fulfilment" }
  }
  mock_resource "aws_sfn_state_machine" {
    defaults = { arn = "arn:aws:states:eu-central-1:111122223333:stateMachine:fanout-test-fulfilment" }
  }
}

variables {
  deployment = { namespace = "fanout-test", partition = "aws", region = "eu-central-1", account_id = "111122223333" }
  name       = "fulfilment"
  bus_name   = "fanout-test"
  pattern    = "{\"source\":[\"shop.orders\"]}"
  functions  = ["arn:aws:lambda:eu-central-1:111122223333:function:fanout-test-billing:live"]
  definition = "{\"StartAt\":\"A\",\"TimeoutSeconds\":60,\"States\":{\"A\":{\"Type\":\"Task\",\"Parameters\":{\"FunctionName\":\"arn:aws:lambda:eu-central-1:111122223333:function:fanout-test-billing:live\"},\"End\":true}}}"
}

run "may_invoke_its_functions_and_no_others" {
  assert {
    condition     = jsondecode(aws_iam_role_policy.this.policy).Statement[0] == { Sid = "Invoke", Effect = "Allow", Action = ["lambda:InvokeFunction"], Resource = ["arn:aws:lambda:eu-central-1:111122223333:function:fanout-test-billing:live"] }
    error_message = "each function is named, by its alias"
  }
  assert {
    condition     = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Condition.ArnEquals["aws:SourceArn"] == aws_sfn_state_machine.this.arn
    error_message = "the role is the state machine's alone"
  }
}

run "is_started_by_its_rule_alone_and_loses_nothing" {
  assert {
    condition     = jsondecode(aws_iam_role_policy.start.policy).Statement[0].Resource == [aws_sfn_state_machine.this.arn]
    error_message = "the rule may start this state machine, and nothing else"
  }
  assert {
    condition     = one(aws_cloudwatch_event_target.this.dead_letter_config).arn == aws_sqs_queue.undelivered.arn && one(aws_cloudwatch_event_target.this.retry_policy).maximum_retry_attempts == 185
    error_message = "an event that cannot start it is tried for a day, and then kept"
  }
}

run "logs_failures_without_data_and_does_not_trace" {
  assert {
    condition     = one(aws_sfn_state_machine.this.logging_configuration).level == "ERROR" && one(aws_sfn_state_machine.this.logging_configuration).include_execution_data == false
    error_message = "a log of failures, without persons' data"
  }
  assert {
    condition     = one(aws_sfn_state_machine.this.tracing_configuration).enabled == false && jsondecode(aws_iam_role_policy.this.policy).Statement[*].Sid == ["Invoke", "Logs"]
    error_message = "no X-Ray unless told, and no grant for it"
  }
}

run "traces_when_told" {
  variables {
    tracing   = true
    log_level = "OFF"
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.this.policy).Statement[*].Sid == ["Invoke", "Traces"]
    error_message = "the role may do what it needs, and no more"
  }
}

run "refuses_a_name_that_is_none" {
  command = plan
  variables {
    name = "Fulfilment"
  }
  expect_failures = [var.name]
}

run "refuses_a_definition_that_starts_nowhere" {
  command = plan
  variables {
    functions  = []
    definition = "{\"StartAt\":\"B\",\"TimeoutSeconds\":60,\"States\":{\"A\":{\"Type\":\"Succeed\"}}}"
  }
  expect_failures = [var.definition]
}

run "refuses_an_execution_without_end" {
  command = plan
  variables {
    functions  = []
    definition = "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}"
  }
  expect_failures = [var.definition]
}

run "refuses_a_function_that_is_not_invoked" {
  command = plan
  variables {
    functions = ["arn:aws:lambda:eu-central-1:111122223333:function:fanout-test-billing:live", "arn:aws:lambda:eu-central-1:111122223333:function:fanout-test-audit:live"]
  }
  expect_failures = [var.functions]
}

run "refuses_a_function_by_wildcard" {
  command = plan
  variables {
    functions = ["arn:aws:lambda:eu-central-1:111122223333:function:fanout-test-*:live"]
  }
  expect_failures = [var.functions]
}

run "refuses_a_pattern_over_2048_characters" {
  command = plan
  variables {
    pattern = jsonencode({ source = [for number in range(200) : "shop.orders${number}"] })
  }
  expect_failures = [var.pattern]
}

run "refuses_a_log_level_that_is_none" {
  command = plan
  variables {
    log_level = "WARN"
  }
  expect_failures = [var.log_level]
}
