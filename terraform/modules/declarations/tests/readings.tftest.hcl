# What the files say, and that each may be missing.

variables {
  environment = "prod"
}

run "reads_what_is_there" {
  command = plan

  variables {
    folder = "./tests/project"
    root   = "./tests/project/prod"
  }
  assert {
    condition     = output.schedules.nightly.event == "shop.orders/OrderPlaced"
    error_message = jsonencode(output.schedules)
  }
  assert {
    condition     = output.bus_destinations.partner.where == jsonencode({ country = ["CH"] }) && output.bus_destinations.audit.where == null
    error_message = jsonencode(output.bus_destinations)
  }
  assert {
    condition     = output.console == { issuer = "https://login.example.com", environment = "prod" }
    error_message = jsonencode(output.console)
  }
}

run "takes_what_is_missing_for_nothing" {
  command = plan

  variables {
    folder = "./tests/none"
  }
  assert {
    condition     = length(output.schedules) + length(output.queues) + length(output.bus_destinations) == 0 && output.console == null
    error_message = "there is nothing to read"
  }
}
