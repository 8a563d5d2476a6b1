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
    publishes  = ["shop.orders/OrderPlaced"]
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
    publishes = ["shop.orders/OrderPlaced"]
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

run "has_an_address_behind_nobody_but_a_router" {
  command = plan

  assert {
    condition = (
      length(aws_lambda_function_url.this) + length(aws_apigatewayv2_api.this) == 0
      && length(aws_cloudwatch_metric_alarm.errors) == 0 && output.address == null
    )
    error_message = "a function behind a router has no other address"
  }
}

run "is_called_by_those_whom_iam_allows" {
  command = plan

  variables {
    via         = "url"
    timeout_s   = 60
    alarm_topic = "arn:aws:sns:eu-central-1:111122223333:alarms"
  }
  assert {
    condition     = aws_lambda_function_url.this[0].authorization_type == "AWS_IAM" && aws_lambda_function_url.this[0].invoke_mode == "BUFFERED"
    error_message = "a URL asks for signatures, and answers are whole, unless it is said otherwise"
  }
  assert {
    condition     = length(aws_lambda_permission.url) + length(aws_cloudformation_stack.url) == 0
    error_message = "the callers' own policies allow them"
  }
  assert {
    condition = (
      aws_cloudwatch_metric_alarm.errors["url"].alarm_name == "fanout-test-shop-5xx"
      && aws_cloudwatch_metric_alarm.throttles["url"].dimensions == tomap({ FunctionName = "fanout-test-shop" })
    )
    error_message = "failed and refused requests are told"
  }
}

run "is_called_by_everybody_through_its_url_alone" {
  command = plan

  variables {
    via         = "url"
    url         = { auth = "none", streaming = true }
    timeout_s   = 900
    alarm_topic = "arn:aws:sns:eu-central-1:111122223333:alarms"
  }
  override_resource {
    target          = aws_lambda_alias.live
    override_during = plan
    values          = { arn = "arn:aws:lambda:eu-central-1:111122223333:function:fanout-test-shop:live" }
  }
  assert {
    condition = jsondecode(aws_cloudformation_stack.url[0].template_body).Resources.Invoke.Properties == {
      Action                = "lambda:InvokeFunction"
      FunctionName          = "arn:aws:lambda:eu-central-1:111122223333:function:fanout-test-shop:live"
      InvokedViaFunctionUrl = true
      Principal             = "*"
    }
    error_message = "nobody may invoke the function past its URL"
  }
  assert {
    condition     = aws_lambda_permission.url[0].function_url_auth_type == "NONE" && aws_lambda_function_url.this[0].authorization_type == "NONE"
    error_message = "an open URL needs both permissions"
  }
  assert {
    condition = (
      aws_lambda_function_url.this[0].invoke_mode == "RESPONSE_STREAM"
      && aws_lambda_function.this.environment[0].variables["AWS_LAMBDA_EXEC_WRAPPER"] == "/var/task/fanout_stream"
    )
    error_message = "only the adapter's own loop streams"
  }
}

run "is_called_by_bearers_of_tokens" {
  command = plan

  variables {
    via         = "http_api"
    http_api    = { jwt = { issuer = "https://id.example", audience = ["shop"] }, rate = 5, burst = 10 }
    timeout_s   = 20
    alarm_topic = "arn:aws:sns:eu-central-1:111122223333:alarms"
  }
  assert {
    condition = (
      aws_apigatewayv2_route.this[0].authorization_type == "JWT"
      && aws_apigatewayv2_authorizer.this[0].jwt_configuration[0].issuer == "https://id.example"
      && aws_apigatewayv2_integration.this[0].timeout_milliseconds == 20000
    )
    error_message = "tokens are checked, and the gateway waits as long as the function may take"
  }
  assert {
    condition = (
      aws_apigatewayv2_stage.this[0].default_route_settings[0].throttling_rate_limit == 5
      && aws_apigatewayv2_stage.this[0].default_route_settings[0].throttling_burst_limit == 10
      && aws_cloudwatch_log_group.access[0].name == "/aws/vendedlogs/http-api/fanout-test-shop"
    )
    error_message = "requests are limited and logged"
  }
}

run "refuses_to_be_open_without_saying_so" {
  command = plan

  variables {
    via         = "http_api"
    timeout_s   = 30
    alarm_topic = "arn:aws:sns:eu-central-1:111122223333:alarms"
  }
  expect_failures = [var.http_api]
}

run "refuses_a_request_longer_than_its_gateway_waits" {
  command = plan

  variables {
    via         = "http_api"
    http_api    = { auth = "none", rate = 0 }
    timeout_s   = 31
    alarm_topic = "arn:aws:sns:eu-central-1:111122223333:alarms"
  }
  expect_failures = [var.timeout_s, var.http_api]
}

run "refuses_failures_that_nobody_is_told_of" {
  command = plan

  variables {
    via = "url"
    url = { auth = "key" }
  }
  expect_failures = [var.alarm_topic, var.url]
}

run "tells_another_topic_that_an_alarm_is_over" {
  command = plan

  variables {
    via         = "http_api"
    http_api    = { auth = "none" }
    timeout_s   = 30
    alarm_topic = "arn:aws:sns:eu-central-1:111122223333:alarms"
    ok_actions  = ["arn:aws:sns:eu-central-1:111122223333:chat"]
  }
  assert {
    condition = alltrue([
      for alarm in [aws_cloudwatch_metric_alarm.errors["http_api"], aws_cloudwatch_metric_alarm.throttles["http_api"]]
      : alarm.alarm_actions == toset([var.alarm_topic]) && alarm.ok_actions == var.ok_actions
    ])
    error_message = "the alarm topic hears that an alarm rings, and the chat that it is over"
  }
}
