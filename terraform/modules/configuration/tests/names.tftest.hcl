# What a function is told, and what it may read: no more than it names.

variables {
  deployment = { namespace = "fanout-test", partition = "aws", region = "eu-central-1", account_id = "111122223333" }
}

run "names_are_the_deployments_own_unless_they_begin_with_a_slash" {
  command = plan

  variables {
    parameters = { discount-rate = "shop/discount", vat = "/common/vat" }
    secrets    = { stripe = "shop/stripe", shared = "/common/key" }
  }
  assert {
    condition = output.environment == {
      PARAMETER_DISCOUNT_RATE = "/fanout-test/shop/discount"
      PARAMETER_VAT           = "/common/vat"
      SECRET_STRIPE           = "fanout-test/shop/stripe"
      SECRET_SHARED           = "common/key"
    }
    error_message = "wrong names in the environment: ${jsonencode(output.environment)}"
  }
  assert {
    condition = [for it in output.statements : it.Resource if it.Sid == "Parameters"][0] == [
      "arn:aws:ssm:eu-central-1:111122223333:parameter/fanout-test/shop/discount",
      "arn:aws:ssm:eu-central-1:111122223333:parameter/common/vat",
    ]
    error_message = "the role reads these parameters and no other"
  }
  assert {
    condition = [for it in output.statements : it.Resource if it.Sid == "Secrets"][0] == [
      "arn:aws:secretsmanager:eu-central-1:111122223333:secret:common/key-??????",
      "arn:aws:secretsmanager:eu-central-1:111122223333:secret:fanout-test/shop/stripe-??????",
    ]
    error_message = "the role reads these secrets and no other: ${jsonencode(output.statements)}"
  }
  assert {
    condition     = alltrue([for it in output.statements : can(it.Condition.StringEquals["kms:ViaService"]) if it.Action == ["kms:Decrypt"]])
    error_message = "keys are used by way of SSM and Secrets Manager only"
  }
}

run "nothing_named_nothing_granted" {
  command = plan

  assert {
    condition     = length(output.statements) == 0 && length(output.environment) == 0
    error_message = "who names nothing may read nothing"
  }
}

run "refuses_names_with_wildcards" {
  command = plan

  variables {
    parameters = { all = "shop/*" }
    secrets    = { all = "*" }
  }
  expect_failures = [var.parameters, var.secrets]
}

run "refuses_names_that_are_aws_s_own" {
  command = plan

  variables {
    parameters = { image = "/aws/service/ami" }
  }
  expect_failures = [var.parameters]
}
