# What another bus gets, and what is refused at plan time.

mock_provider "aws" {}

variables {
  deployment = { namespace = "fanout-test", partition = "aws", region = "eu-central-1", account_id = "111122223333" }
  name       = "ledger"
  bus_name   = "fanout-test"
  bus        = "arn:aws:events:eu-central-1:444455556666:event-bus/ledger"
  events     = ["shop.billing/InvoiceIssued", "shop.orders/OrderPlaced"]
}

run "gives_each_event_a_rule_of_its_own" {
  command = plan

  assert {
    condition = toset([for rule in aws_cloudwatch_event_rule.this : rule.event_pattern]) == toset([
      jsonencode({ source = ["shop.billing"], detail-type = ["InvoiceIssued"] }),
      jsonencode({ source = ["shop.orders"], detail-type = ["OrderPlaced"] }),
    ])
    error_message = "two events of two sources are not four"
  }
  assert {
    condition     = alltrue([for it in aws_cloudwatch_event_target.this : it.retry_policy[0].maximum_retry_attempts == 185])
    error_message = "what cannot be put is tried again for a day"
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.this.policy).Statement == [{ Effect = "Allow", Action = "events:PutEvents", Resource = var.bus }]
    error_message = "the role may put events on that bus, and nothing else"
  }
  assert {
    condition     = length(jsondecode(aws_sqs_queue.undelivered.policy).Statement[0].Condition.ArnEquals["aws:SourceArn"]) == 2
    error_message = "both rules may keep what they cannot deliver"
  }
}

run "selects_by_data" {
  command = plan

  variables {
    events = ["shop.billing/InvoiceIssued"]
    where  = "{\"currency\":[\"USD\"]}"
  }
  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.this["shop.billing/InvoiceIssued"].event_pattern).detail == { data = { currency = ["USD"] } }
    error_message = "where is a pattern over the data"
  }
}

run "refuses_a_bus_without_its_account" {
  command = plan

  variables {
    bus = "ledger"
  }
  expect_failures = [var.bus]
}

run "refuses_a_destination_of_nothing" {
  command = plan

  variables {
    events = []
  }
  expect_failures = [var.events]
}

run "refuses_a_destination_that_is_nowhere" {
  command = plan

  variables {
    bus = null
  }
  expect_failures = [var.bus]
}

run "hands_what_a_template_makes_of_an_event_to_an_api" {
  command = plan

  variables {
    bus    = null
    events = ["shop.billing/InvoiceIssued"]
    api = {
      url        = "https://crm.example.com/invoices"
      connection = "arn:aws:events:eu-central-1:111122223333:connection/crm/01234567-89ab-cdef-0123-456789abcdef"
      rate       = 10
      transform  = { paths = { invoice = "$.detail.data.invoice_id" }, template = "{\"invoice\": <invoice>, \"at\": <aws.events.event.ingestion-time>}" }
    }
  }
  assert {
    condition     = aws_cloudwatch_event_api_destination.this[0].invocation_rate_limit_per_second == 10 && aws_cloudwatch_event_api_destination.this[0].http_method == "POST"
    error_message = "the API is called as declared"
  }
  assert {
    condition     = aws_cloudwatch_event_target.this["shop.billing/InvoiceIssued"].input_transformer[0].input_paths == tomap({ invoice = "$.detail.data.invoice_id" })
    error_message = "the body is made of the event"
  }
  assert {
    condition     = aws_cloudwatch_event_target.this["shop.billing/InvoiceIssued"].retry_policy[0].maximum_retry_attempts == 185
    error_message = "what an API does not take is tried again for a day"
  }
}

run "refuses_an_api_by_plain_http_with_a_connection_of_others" {
  command = plan

  variables {
    bus = null
    api = { url = "http://crm.example.com/", connection = "arn:aws:events:eu-central-1:999999999999:connection/crm/0123", method = "GET", rate = 1000 }
  }
  expect_failures = [var.api]
}

run "plans_without_aws_for_the_connection_of_an_account" {
  command = plan

  variables {
    deployment = { namespace = "fanout-test", partition = "aws", region = "us-east-1", account_id = "000000000000" }
    bus        = null
    api        = { url = "https://crm.example.com/", connection = "arn:aws:events:eu-central-1:111122223333:connection/crm/0123" }
  }
  assert {
    condition     = aws_cloudwatch_event_api_destination.this[0].connection_arn == var.api.connection
    error_message = "check-plan plans production in an emulator's account, and has no other connection"
  }
}

run "refuses_a_template_with_what_no_path_names" {
  command = plan

  variables {
    bus = null
    api = {
      url        = "https://crm.example.com/"
      connection = "arn:aws:events:eu-central-1:111122223333:connection/crm/0123"
      transform  = { template = "{\"invoice\": <invoice>}" }
    }
  }
  expect_failures = [var.api]
}
