# What the platform refuses at plan time.

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
  namespace     = "fanout-test"
  services_dir  = "../../../tests/unit/fanout_tools/declarations/manifest_cases/good/services"
  contracts_dir = "../../../tests/unit/fanout_tools/declarations/schemas"
  packages_dir  = "./tests/packages"
}

run "refuses_a_namespace_in_capitals" {
  command = plan

  variables {
    namespace = "Fanout"
  }
  expect_failures = [var.namespace]
}

run "refuses_a_namespace_too_long_for_a_bucket" {
  command = plan

  variables {
    namespace = "fanout-of-21-letters-"
  }
  expect_failures = [var.namespace]
}

run "refuses_packages_that_are_not_built" {
  command = plan

  expect_failures = [terraform_data.packages]
}

run "refuses_packages_older_than_their_sources" {
  command = plan

  variables {
    packages_dir = "./tests/old_packages"
  }
  assert {
    condition     = module.sources.changed == ["../../../../../services"] && local.build == "`make build TARGET=old_packages`"
    error_message = "the folder is named, and the target that has to be built"
  }
  expect_failures = [terraform_data.packages]
}

run "refuses_to_protect_and_to_destroy_by_force" {
  command = plan

  variables {
    protect       = true
    force_destroy = true
  }
  expect_failures = [var.protect, terraform_data.packages]
}

run "takes_from_queues_of_its_own_account_and_namespace" {
  command = plan

  variables {
    queues = {
      named     = { queue = "legacy", event = "shop.orders/OrderPlaced" }
      here      = { queue = "arn:aws:sqs:eu-central-1:111122223333:legacy", event = "shop.orders/OrderPlaced", namespaces = ["fanout-test"] }
      elsewhere = { queue = "arn:aws:sqs:eu-central-1:999999999999:legacy", event = "shop.orders/OrderPlaced" }
      other     = { queue = "legacy", event = "shop.orders/OrderPlaced", namespaces = ["fanout-prod"] }
    }
  }
  assert {
    condition     = keys(local.queues) == ["here", "named"]
    error_message = "a pipe takes from queues of its own account and region, and one environment's from a queue that is named for it"
  }
  expect_failures = [terraform_data.packages]
}

run "refuses_a_queue_of_an_event_that_no_contract_declares" {
  command = plan

  variables {
    queues = { legacy = { queue = "legacy", event = "shop.orders/OrderPlacd" } }
  }
  expect_failures = [var.queues, terraform_data.packages]
}

run "refuses_an_archive_that_outlives_the_claims" {
  command = plan

  variables {
    archive_days          = 90
    claims_retention_days = 60
  }
  expect_failures = [var.claims_retention_days, terraform_data.packages]
}

run "refuses_traffic_steps_that_do_not_rise" {
  command = plan

  variables {
    traffic_shift = { steps = [50, 10] }
  }
  expect_failures = [var.traffic_shift, terraform_data.packages]
}

run "refuses_a_traffic_step_of_all" {
  command = plan

  variables {
    traffic_shift = { steps = [100] }
  }
  expect_failures = [var.traffic_shift, terraform_data.packages]
}

run "refuses_half_a_percent_of_traffic" {
  command = plan

  variables {
    traffic_shift = { steps = [10.5] }
  }
  expect_failures = [var.traffic_shift, terraform_data.packages]
}

run "refuses_a_traffic_step_that_no_alarm_would_see" {
  command = plan

  variables {
    traffic_shift = { steps = [5] }
  }
  expect_failures = [var.traffic_shift, terraform_data.packages]
}

run "refuses_a_traffic_step_shorter_than_an_alarm_looks_back" {
  command = plan

  variables {
    traffic_shift = { steps = [10], minutes = 4 }
  }
  expect_failures = [var.traffic_shift, terraform_data.packages]
}

run "refuses_a_workflow_that_is_not_well_declared" {
  command = plan

  variables {
    services_dir = "./tests/bad_workflows"
  }
  # An unknown key, a missing one, an unknown event, an unknown worker, and no definition.
  assert {
    condition     = length(local.workflow_problems) == 5 && length(module.workflow) == 0
    error_message = "every problem is told at once, and nothing is planned from a bad file: ${join("; ", local.workflow_problems)}"
  }
  expect_failures = [terraform_data.workflows, terraform_data.packages]
}

run "refuses_a_filter_of_more_combinations_than_sns_takes" {
  command = plan

  variables {
    services_dir = "./tests/wide_filters"
  }
  assert {
    condition     = length(local.too_many_combinations) == 1 && strcontains(local.too_many_combinations[0], "billing/worker.yaml: subscribes: shop.orders: its filter has 324 combinations")
    error_message = "the file, the domain and the number are told: ${join("; ", local.too_many_combinations)}"
  }
  expect_failures = [terraform_data.filters, terraform_data.packages]
}

run "refuses_a_console_without_a_router" {
  command = plan
  variables {
    console_client_secret = "s"
    console = {
      environment = "prod", host = "console.example.org", groups = { observer = ["staff"] }
      oidc        = { issuer = "https://i", authorization_endpoint = "https://i", token_endpoint = "https://i", user_info_endpoint = "https://i", client_id = "c" }
    }
  }
  expect_failures = [var.console]
}

run "refuses_a_router_without_a_web_function" {
  command = plan

  variables {
    router = {
      vpc             = { id = "vpc-1", public_cidr_blocks = ["10.0.0.0/16"], public_subnet_ids = ["subnet-1", "subnet-2"], private_subnet_ids = ["subnet-3"] }
      image_tag       = "1.4.0"
      certificate_arn = "arn:aws:acm:eu-central-1:111122223333:certificate/12345678"
      control_secret  = { arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:router-AbCdEf" }
    }
  }
  expect_failures = [var.router]
}

run "refuses_a_web_function_without_a_declaration" {
  command = plan

  variables {
    web = { shop = {} }
  }
  expect_failures = [var.web]
}

run "refuses_a_web_function_with_a_workers_name" {
  command = plan

  variables {
    web = { billing = {} }
  }
  expect_failures = [var.web]
}

run "refuses_a_stack_of_no_worker" {
  command = plan

  variables {
    stack = "default"
  }
  expect_failures = [terraform_data.stack, terraform_data.packages]
}

run "holds_one_worker_and_what_is_its_own" {
  command = plan

  variables {
    stack = "everything"
  }
  assert {
    condition     = keys(local.own) == ["everything"] && !local.has.platform && !local.has.edge
    error_message = "the platform and the edge stand elsewhere"
  }
  expect_failures = [terraform_data.packages]
}

run "holds_the_platform_without_workers" {
  command = plan

  variables {
    stack = "platform"
  }
  assert {
    condition     = length(local.own) == 0 && length(local.workers) > 1 && local.has.platform && !local.has.edge
    error_message = "it knows every worker, and holds none"
  }
  expect_failures = [terraform_data.packages]
}

run "refuses_a_path_without_its_slashes" {
  command = plan

  variables {
    role_path = "fanout"
  }
  expect_failures = [var.role_path, terraform_data.packages]
}

run "refuses_code_signing_by_a_name" {
  command = plan

  variables {
    code_signing_config = "signed"
  }
  expect_failures = [var.code_signing_config, terraform_data.packages]
}

run "refuses_a_placement_that_the_environment_lacks" {
  command = plan

  variables {
    services_dir = "../../../tests/unit/fanout_tools/declarations/manifest_cases/every_key/services"
  }
  expect_failures = [var.vpcs, terraform_data.packages]
}

run "takes_a_placement_that_the_environment_has" {
  command = plan

  variables {
    services_dir = "../../../tests/unit/fanout_tools/declarations/manifest_cases/every_key/services"
    vpcs         = { data = { subnet_ids = ["subnet-1"], security_group_ids = ["sg-1"] } }
  }
  expect_failures = [terraform_data.packages]
}

run "takes_an_existing_key" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/0a1b"
  }
  assert {
    condition     = module.key[0].arn == var.kms_key_arn && local.security == { key_alias = "alias/fanout-test", key_arn = var.kms_key_arn, tls_only = true }
    error_message = "everything is encrypted with it, by its alias"
  }
  expect_failures = [terraform_data.packages]
}

run "takes_an_existing_key_in_a_workers_stack" {
  command = plan

  variables {
    stack       = "everything"
    kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/0a1b"
  }
  assert {
    condition     = length(module.key) == 0 && length(data.aws_kms_alias.this) == 0 && local.security == { key_alias = "alias/fanout-test", key_arn = var.kms_key_arn, tls_only = true }
    error_message = "it is told, and not looked up"
  }
  expect_failures = [terraform_data.packages]
}

run "refuses_a_key_by_its_alias" {
  command = plan

  variables {
    kms_key_arn = "alias/shared"
  }
  expect_failures = [var.kms_key_arn, terraform_data.packages]
}

run "takes_an_existing_bus" {
  command = plan

  variables {
    event_bus_name = "shared"
  }
  assert {
    condition     = local.bus == { name = "shared", arn = module.bus[0].arn } && module.bus[0].name == "shared"
    error_message = "no bus is made, and everything names the existing one"
  }
  expect_failures = [terraform_data.packages]
}

run "takes_the_default_bus_and_brings_nothing_over" {
  command = plan

  variables {
    event_bus_name = "default"
  }
  assert {
    condition     = local.bus.name == "default" && length(local.forwarded) == 0
    error_message = "what is on the default bus is not brought there once more"
  }
  expect_failures = [terraform_data.packages]
}

run "names_an_existing_bus_in_a_workers_stack" {
  command = plan

  variables {
    stack          = "everything"
    event_bus_name = "shared"
  }
  assert {
    condition     = length(module.bus) == 0 && endswith(local.bus.arn, ":event-bus/shared")
    error_message = "it is named, and not looked up"
  }
  expect_failures = [terraform_data.packages]
}

run "refuses_a_bus_by_its_arn" {
  command = plan

  variables {
    event_bus_name = "arn:aws:events:eu-central-1:444455556666:event-bus/shared"
  }
  expect_failures = [var.event_bus_name, terraform_data.packages]
}

run "refuses_a_partners_bus" {
  command = plan

  variables {
    event_bus_name = "aws.partner/example.com/orders"
  }
  expect_failures = [var.event_bus_name, terraform_data.packages]
}

run "refuses_publishers_on_an_existing_bus" {
  command = plan

  variables {
    event_bus_name = "shared"
    publishers     = [{ principal = "444455556666", sources = ["shop.orders"] }]
  }
  expect_failures = [var.event_bus_name, terraform_data.packages]
}
