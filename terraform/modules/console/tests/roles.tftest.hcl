# Who comes in, as whom, and that the function itself may do nothing but become one of three.

mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/made-up" }
  }
  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-central-1:111122223333:function:fanout-test-console", version = "1" }
  }
}

variables {
  deployment    = { namespace = "fanout-test", partition = "aws", region = "eu-central-1", account_id = "111122223333" }
  package       = { bucket = "b", key = "k", hash = "h", handler = "fanout_console.handler", runtime = "python3.13", architecture = "arm64", layers = [] }
  client_secret = "a secret"
  policies = {
    observer     = "arn:aws:iam::111122223333:policy/fanout-test-observer"
    investigator = "arn:aws:iam::111122223333:policy/fanout-test-investigator"
    operator     = "arn:aws:iam::111122223333:policy/fanout-test-operator"
  }
  router = {
    balancer_arn            = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/app/fanout-test-router/0123456789abcdef"
    balancer_security_group = "sg-1"
    listener_arn            = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener/app/fanout-test-router/0123456789abcdef/0123456789abcdef"
    target_group_arn        = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/fanout-test-router/0123456789abcdef"
  }
  vpc = { subnet_ids = ["subnet-3"], security_group_ids = ["sg-2"] }
  settings = {
    environment = "prod"
    host        = "console.example.org"
    groups      = { observer = ["staff"], operator = ["on-call", "admins"] }
    oidc = {
      issuer                 = "https://id.example.org"
      authorization_endpoint = "https://id.example.org/authorize"
      token_endpoint         = "https://id.example.org/token"
      user_info_endpoint     = "https://id.example.org/userinfo"
      client_id              = "console"
    }
  }
}

run "lets_the_function_assume_three_roles_and_do_nothing_else" {
  assert {
    condition = [
      for it in jsondecode(module.function.policy).Statement : it.Resource
      if it.Effect == "Allow" && !contains(["Logs", "Vpc"], it.Sid)
    ] == [[for role in ["investigator", "observer", "operator"] : "arn:aws:iam::111122223333:role/fanout-test.console-${role}"]]
    error_message = "the function's role may write its log, be in its VPC, and assume the three roles"
  }
  assert {
    condition     = [for it in jsondecode(module.function.policy).Statement : it.Action if it.Sid == "Permission0"] == [["sts:AssumeRole"]]
    error_message = "it does no more with them than to assume them"
  }
}

run "lets_nobody_else_become_a_person" {
  assert {
    condition = alltrue([
      for role in aws_iam_role.person : jsondecode(role.assume_role_policy).Statement == [{
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::111122223333:role/fanout-test-console" }
        Action    = "sts:AssumeRole"
      }]
    ])
    error_message = "the console's function alone assumes the three roles"
  }
}

run "gives_each_role_its_policies" {
  assert {
    condition = { for key, it in aws_iam_role_policy_attachment.person : key => "${it.role} ${it.policy_arn}" } == { for key in [
      "observer observer", "investigator observer", "investigator investigator", "operator observer", "operator investigator", "operator operator",
    ] : key => "fanout-test.console-${split(" ", key)[0]} arn:aws:iam::111122223333:policy/fanout-test-${split(" ", key)[1]}" }
    error_message = "each role may do what those before it may"
  }
}

run "tells_the_function_whose_word_it_takes" {
  assert {
    condition = jsondecode(module.function.environment.FANOUT_CONSOLE) == {
      environment  = "prod"
      host         = "console.example.org"
      balancer     = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/app/fanout-test-router/0123456789abcdef"
      keys         = "https://public-keys.auth.elb.eu-central-1.amazonaws.com"
      issuer       = "https://id.example.org"
      client       = "console"
      groups_claim = "groups"
      person_claim = "email"
      observer     = { role = "arn:aws:iam::111122223333:role/fanout-test.console-observer", groups = ["staff"] }
      investigator = { role = "arn:aws:iam::111122223333:role/fanout-test.console-investigator", groups = [] }
      operator     = { role = "arn:aws:iam::111122223333:role/fanout-test.console-operator", groups = ["admins", "on-call"] }
    }
    error_message = "shared/fanout_tools/console/people.py reads these settings"
  }
}

run "asks_everybody_to_sign_in" {
  assert {
    condition = [for it in aws_lb_listener_rule.signed_in.action : it.type] == ["authenticate-oidc", "forward"] && alltrue([
      for it in aws_lb_listener_rule.signed_in.action[0].authenticate_oidc : it.on_unauthenticated_request == "authenticate"
    ])
    error_message = "nobody is forwarded who has not signed in"
  }
}

run "refuses_a_host_of_many" {
  command = plan
  variables {
    settings = {
      environment = "prod", host = "*.example.org", groups = { observer = ["staff"] }
      oidc        = { issuer = "https://i", authorization_endpoint = "https://i", token_endpoint = "https://i", user_info_endpoint = "https://i", client_id = "c" }
    }
  }
  expect_failures = [var.settings]
}

run "refuses_a_console_for_nobody" {
  command = plan
  variables {
    settings = {
      environment = "prod", host = "console.example.org", groups = {}
      oidc        = { issuer = "https://i", authorization_endpoint = "https://i", token_endpoint = "https://i", user_info_endpoint = "https://i", client_id = "c" }
    }
  }
  expect_failures = [var.settings]
}

run "refuses_a_provider_in_plain_text" {
  command = plan
  variables {
    settings = {
      environment = "prod", host = "console.example.org", groups = { observer = ["staff"] }
      oidc        = { issuer = "https://i", authorization_endpoint = "https://i", token_endpoint = "http://i", user_info_endpoint = "https://i", client_id = "c" }
    }
  }
  expect_failures = [var.settings]
}

run "refuses_an_empty_secret" {
  command = plan
  variables {
    client_secret = ""
  }
  expect_failures = [var.client_secret]
}

run "refuses_other_partitions" {
  command = plan
  variables {
    deployment = { namespace = "fanout-test", partition = "aws-cn", region = "cn-north-1", account_id = "111122223333" }
  }
  expect_failures = [var.deployment]
}
