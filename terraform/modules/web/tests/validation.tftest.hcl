# What a web function gets, and what is refused at plan time.

mock_provider "aws" {}

variables {
  deployment = { namespace = "fanout-test", partition = "aws", region = "eu-central-1", account_id = "111122223333" }
  name       = "shop"
  package = {
    bucket       = "packages"
    key          = "web/shop.zip"
    hash         = "hash"
    handler      = "services.shop.handler.handler"
    runtime      = "python3.13"
    architecture = "arm64"
    layers       = []
  }
  bus           = { name = "fanout-test", arn = "arn:aws:events:eu-central-1:111122223333:event-bus/fanout-test" }
  claims_bucket = { name = "fanout-test-claims", arn = "arn:aws:s3:::fanout-test-claims" }
}

run "may_do_no_more_than_log" {
  command = plan

  assert {
    condition     = [for it in jsondecode(aws_iam_role_policy.this.policy).Statement : it.Sid] == ["Logs"]
    error_message = "an app that says nothing may do nothing"
  }
  assert {
    condition     = aws_lambda_function.this.environment[0].variables == tomap({ FANOUT_NAMESPACE = "fanout-test" })
    error_message = "an app that does not publish is not told of the bus"
  }
  assert {
    condition     = aws_lambda_alias.live.name == "live" && aws_lambda_function.this.publish
    error_message = "routers invoke the alias of a published version"
  }
}

run "publishes_and_reads_what_it_names_in_the_vpc" {
  command = plan

  variables {
    publishes  = true
    security   = { key_alias = "alias/fanout-test" }
    parameters = { banner = "shop/banner" }
    secrets    = { session = "shop/session" }
    vpc        = { subnet_ids = ["subnet-1"], security_group_ids = ["sg-1"] }
  }
  assert {
    condition = [for it in jsondecode(aws_iam_role_policy.this.policy).Statement : it.Sid] == [
      "Logs", "Publish", "DepositClaims", "Key", "Vpc", "VpcNotByTheFunction", "Parameters", "ParametersKey", "Secrets", "SecretsKey",
    ]
    error_message = "wrong statements"
  }
  assert {
    condition = aws_lambda_function.this.environment[0].variables == tomap({
      FANOUT_NAMESPACE     = "fanout-test"
      FANOUT_BUS           = "fanout-test"
      FANOUT_CLAIMS_BUCKET = "fanout-test-claims"
      PARAMETER_BANNER     = "/fanout-test/shop/banner"
      SECRET_SESSION       = "fanout-test/shop/session"
    })
    error_message = "wrong environment"
  }
}

run "refuses_to_publish_without_a_bus" {
  command = plan

  variables {
    publishes = true
    bus       = null
  }
  expect_failures = [var.publishes]
}

run "refuses_a_timeout_too_short_to_serve" {
  command = plan

  variables {
    timeout_s = 30
  }
  expect_failures = [var.timeout_s]
}

run "refuses_a_name_too_long_for_aws" {
  command = plan

  variables {
    name = "a-name-of-21-letters-"
  }
  expect_failures = [var.name]
}

run "refuses_sizes_that_lambda_has_not" {
  command = plan

  variables {
    memory_mb            = 64
    reserved_concurrency = 0
  }
  expect_failures = [var.memory_mb, var.reserved_concurrency]
}

run "refuses_a_vpc_without_a_subnet" {
  command = plan

  variables {
    vpc = { subnet_ids = [], security_group_ids = ["sg-1"] }
  }
  expect_failures = [var.vpc]
}
