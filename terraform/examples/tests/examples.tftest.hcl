# Each example is planned as it stands; what it is an example of is in the plan.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { id = "eu-central-1" }
  }
}

variables {
  code         = { bucket = "fanout-example-packages", key = "function.zip", hash = "4Oq6kqpYSGLD0Ww4+3KxJ3K4oQ8J0k3l1m2n3o4p5q8=" }
  project      = "./tests/project"
  packages_dir = "./tests/project/packages"
}

run "bus" {
  command = plan

  module {
    source = "./bus"
  }
}

run "bus_destination" {
  command = plan

  module {
    source = "./bus_destination"
  }
  assert {
    condition     = output.undelivered == "fanout-example-to-ledger-undelivered"
    error_message = "what the other bus refuses is kept"
  }
}

run "canary" {
  command = plan

  module {
    source = "./canary"
  }
  assert {
    condition     = output.function.name == "fanout-example-canary"
    error_message = "the function has the name that the schedule invokes"
  }
}

run "configuration" {
  command = plan

  module {
    source = "./configuration"
  }
  assert {
    condition     = output.environment == { PARAMETER_TAX_RATE = "/fanout-example/billing/tax-rate", SECRET_PAYMENT = "shared/payment-provider" }
    error_message = "one of the deployment's own, one of others'"
  }
}

run "console" {
  command = plan

  module {
    source = "./console"
  }
  variables {
    client_secret = "of the identity provider"
  }
}

run "declarations" {
  command = plan

  module {
    source = "./declarations"
  }
  assert {
    condition     = can(keys(output.schedules))
    error_message = "schedules by their names"
  }
}

run "filters" {
  command = plan

  module {
    source = "./filters"
  }
  assert {
    condition     = output.combinations.billing == 18
    error_message = "two names by three countries three levels down"
  }
}

run "guard" {
  command = plan

  module {
    source = "./guard"
  }
  assert {
    condition     = output.guarded[0] == "fanout-example-kept"
    error_message = "what is kept is named"
  }
}

run "key" {
  command = plan

  module {
    source = "./key"
  }
  assert {
    condition     = output.alias == "alias/fanout-example"
    error_message = "the alias is known before the key"
  }
}

run "manifests" {
  command = plan

  module {
    source = "./manifests"
  }
  assert {
    condition     = output.memory_mb == { billing = 256 }
    error_message = "what is left out is filled in"
  }
}

run "naming" {
  command = plan

  module {
    source = "./naming"
  }
  assert {
    condition     = output.namespace == "fanout-prod-euc1"
    error_message = "the region is part of it"
  }
}

run "observability" {
  command = plan

  module {
    source = "./observability"
  }
}

run "operators" {
  command = plan

  module {
    source = "./operators"
  }
}

run "outbox" {
  command = plan

  module {
    source = "./outbox"
  }
}

run "platform" {
  command = plan

  module {
    source = "./platform"
  }
  assert {
    condition     = keys(output.workers) == ["billing"]
    error_message = "the folder's worker is deployed"
  }
}

run "queue_source" {
  command = plan

  module {
    source = "./queue_source"
  }
  assert {
    condition     = output.pipe == "fanout-example-legacy"
    error_message = "the pipe has the source's name"
  }
}

run "router" {
  command = plan

  module {
    source = "./router"
  }
}

run "schedule" {
  command = plan

  module {
    source = "./schedule"
  }
}

run "sources" {
  command = plan

  module {
    source = "./sources"
  }
  variables {
    packages_dir = "./tests/project/old_packages"
  }
  assert {
    condition     = output.changed[0] == "../services/billing"
    error_message = "the folder is not what was built"
  }
}

run "store" {
  command = plan

  module {
    source = "./store"
  }
  assert {
    condition     = output.tables.invoices.name == "fanout-example-invoices"
    error_message = "a table has its namespace before its name"
  }
}

run "topic" {
  command = plan

  module {
    source = "./topic"
  }
}

run "traces" {
  command = plan

  module {
    source = "./traces"
  }
}

run "unmatched" {
  command = plan

  module {
    source = "./unmatched"
  }
}

run "web" {
  command = plan

  module {
    source = "./web"
  }
}

run "worker" {
  command = plan

  module {
    source = "./worker"
  }
}

run "workflow" {
  command = plan

  module {
    source = "./workflow"
  }
}
