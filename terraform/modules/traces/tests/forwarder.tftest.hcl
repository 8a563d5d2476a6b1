# Who may invoke the forwarder, what it is subscribed to, and what it may read.

mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/fanout-test-traces" }
  }
  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-central-1:111122223333:function:fanout-test-traces" }
  }
}

variables {
  deployment = { namespace = "fanout-test", partition = "aws", region = "eu-central-1", account_id = "111122223333" }
  endpoint   = "https://collector.example:4318"
  log_groups = { billing = "/aws/lambda/fanout-test-billing" }
  package = {
    bucket       = "packages"
    key          = "span-forwarder.zip"
    hash         = "hash"
    handler      = "fanout.tracing.forwarder.handler"
    runtime      = "python3.13"
    architecture = "arm64"
    layers       = []
  }
}

run "is_invoked_by_the_workers_logs_alone" {
  command = plan

  assert {
    condition = (
      aws_lambda_permission.logs["billing"].principal == "logs.amazonaws.com"
      && aws_lambda_permission.logs["billing"].source_arn == "arn:aws:logs:eu-central-1:111122223333:log-group:/aws/lambda/fanout-test-billing:*"
      && aws_lambda_permission.logs["billing"].source_account == "111122223333"
    )
    error_message = "the permission must name the log group and the account"
  }
}

run "may_send_to_xray_where_that_is_the_collector" {
  command = plan

  variables {
    endpoint = "https://xray.eu-central-1.amazonaws.com"
  }
  assert {
    condition     = contains(flatten([for s in jsondecode(aws_iam_role_policy.this.policy).Statement : s.Action]), "xray:PutTraceSegments")
    error_message = "X-Ray takes spans of roles that it knows"
  }
}

run "reads_nothing_but_its_own_secret" {
  command = plan

  variables {
    headers_secret = "otlp/headers"
  }
  assert {
    condition = toset(flatten([for s in jsondecode(aws_iam_role_policy.this.policy).Statement : s.Action])) == toset([
      "logs:CreateLogStream", "logs:PutLogEvents", "secretsmanager:GetSecretValue", "kms:Decrypt",
    ])
    error_message = "it may write its log and read the secret"
  }
  assert {
    condition     = aws_lambda_function.this.environment[0].variables["SECRET_OTLP_HEADERS"] == "fanout-test/otlp/headers"
    error_message = "the function is told the secret's name"
  }
}

run "refuses_what_is_no_url" {
  command = plan

  variables {
    endpoint = "collector.example"
  }
  expect_failures = [var.endpoint]
}
