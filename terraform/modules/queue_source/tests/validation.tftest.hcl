# How a message becomes an event, what its pipe may do, and what is refused at plan time.

mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/fanout-test.imports.pipe" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:111122223333:log-group:/aws/vendedlogs/pipes/fanout-test-imports" }
  }
}

variables {
  deployment = { namespace = "fanout-test", partition = "aws", region = "eu-central-1", account_id = "111122223333" }
  name       = "imports"
  queue      = "legacy-imports"
  event      = "shop.queues/ImportsReceived"
  bus_arn    = "arn:aws:events:eu-central-1:111122223333:event-bus/fanout-test"
}

run "wraps_a_message_in_an_envelope_with_its_id" {
  assert {
    condition     = aws_pipes_pipe.this.source == "arn:aws:sqs:eu-central-1:111122223333:legacy-imports"
    error_message = "a name is of the deployment's own account and region"
  }
  assert {
    # The pipe writes a value in the place of <$.body>; whatever it is, the rest has to be JSON.
    condition     = jsondecode(replace(aws_pipes_pipe.this.target_parameters[0].input_template, "<$.body>", "{}")).metadata.event_id == "<$.messageId>"
    error_message = "the id must be the same however often a message is taken"
  }
  assert {
    condition     = endswith(aws_pipes_pipe.this.target_parameters[0].input_template, "\"data\":<$.body>}")
    error_message = "the body is put as the JSON that it is, not as a text"
  }
  assert {
    condition     = aws_pipes_pipe.this.log_configuration[0].level == "ERROR" && aws_pipes_pipe.this.log_configuration[0].include_execution_data == null
    error_message = "failures are logged, without the messages"
  }
}

run "may_take_from_the_queue_and_put_that_event" {
  assert {
    condition     = jsondecode(aws_iam_role_policy.this.policy).Statement[*].Sid == ["Take", "Put", "Log"]
    error_message = "the role may do what its pipe needs, and no more"
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.this.policy).Statement[1].Condition.StringEquals == { "events:source" = ["shop.queues"], "events:detail-type" = ["ImportsReceived"] }
    error_message = "the role may put that one event"
  }
  assert {
    condition     = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Condition.StringEquals["aws:SourceArn"] == "arn:aws:pipes:eu-central-1:111122223333:pipe/fanout-test-imports"
    error_message = "only that pipe takes the role on"
  }
}

run "uses_the_key_of_the_queues_owner" {
  variables {
    queue   = "arn:aws:sqs:eu-central-1:111122223333:legacy-imports.fifo"
    kms_key = "alias/legacy"
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.this.policy).Statement[3].Condition["ForAnyValue:StringEquals"]["kms:ResourceAliases"] == ["alias/legacy"]
    error_message = "an alias is a condition on the key"
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.this.policy).Statement[3].Condition.StringEquals["kms:ViaService"] == ["sqs.eu-central-1.amazonaws.com"]
    error_message = "only by way of SQS"
  }
}

run "refuses_a_queue_of_another_account" {
  command = plan

  variables {
    queue = "arn:aws:sqs:eu-central-1:999999999999:legacy-imports"
  }
  expect_failures = [var.queue]
}

run "refuses_a_queue_of_its_own" {
  command = plan

  variables {
    queue = "fanout-test-billing"
  }
  expect_failures = [var.queue]
}

run "refuses_what_is_no_queue" {
  command = plan

  variables {
    queue = "https://sqs.eu-central-1.amazonaws.com/111122223333/legacy-imports"
  }
  expect_failures = [var.queue]
}

run "refuses_an_event_of_aws" {
  command = plan

  variables {
    event = "aws.s3/ObjectCreated"
  }
  expect_failures = [var.event]
}

run "refuses_more_than_putevents_takes" {
  command = plan

  variables {
    batch_size = 11
  }
  expect_failures = [var.batch_size]
}

run "refuses_what_is_no_key" {
  command = plan

  variables {
    kms_key = "legacy"
  }
  expect_failures = [var.kms_key]
}
