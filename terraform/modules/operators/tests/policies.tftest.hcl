# What people may do, and that nobody may unwrite what was done.

mock_provider "aws" {
  mock_resource "aws_dynamodb_table" {
    defaults = { arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/fanout-test-operations" }
  }
  mock_resource "aws_scheduler_schedule_group" {
    defaults = { arn = "arn:aws:scheduler:eu-central-1:111122223333:schedule-group/fanout-test-operations" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/fanout-test.sweeper" }
  }
}

variables {
  deployment = { namespace = "fanout-test", partition = "aws", region = "eu-central-1", account_id = "111122223333" }
  security   = { key_alias = "alias/fanout-test", key_arn = "arn:aws:kms:eu-central-1:111122223333:key/1" }
}

run "keeps_the_journal" {
  command = plan

  assert {
    condition     = aws_dynamodb_table.operations.deletion_protection_enabled
    error_message = "the table must be protected from deletion"
  }
}

run "fits_what_iam_takes" {
  assert {
    condition     = alltrue([for policy in aws_iam_policy.this : length(policy.policy) <= 6144])
    error_message = "a managed policy has 6,144 characters at most"
  }
}

run "lets_nobody_delete_from_the_journal" {
  assert {
    condition = alltrue(flatten([
      for policy in aws_iam_policy.this : [
        for statement in jsondecode(policy.policy).Statement :
        !contains(statement.Action, "dynamodb:DeleteItem") || alltrue([for resource in statement.Resource : endswith(resource, "-idempotency")])
      ]
    ]))
    error_message = "nobody deletes what was done"
  }
}

run "lets_tuners_pass_workers_roles_to_lambda_alone" {
  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_policy.this["tuner"].policy).Statement :
      statement.Condition.StringEquals["iam:PassedToService"] == (statement.Sid == "Roles" ? "lambda.amazonaws.com" : "scheduler.amazonaws.com")
      if contains(statement.Action, "iam:PassRole")
    ])
    error_message = "a worker's role goes to Lambda, the sweeper's to Scheduler"
  }
  assert {
    condition     = !strcontains(aws_iam_policy.this["operator"].policy, "lambda.amazonaws.com")
    error_message = "an operator gives no role to a function"
  }
}

run "shows_observers_no_payload" {
  assert {
    condition = alltrue([
      for action in ["sqs:ReceiveMessage", "s3:GetObject", "sqs:SendMessage"] : !strcontains(aws_iam_policy.this["observer"].policy, action)
    ])
    error_message = "an observer reads no message and no object"
  }
}
