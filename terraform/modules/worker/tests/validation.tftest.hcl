# What a worker refuses at plan time.

mock_provider "aws" {}

variables {
  deployment = { namespace = "fanout-test", partition = "aws", region = "eu-central-1", account_id = "111122223333" }
  name       = "billing"
  manifest = {
    description = "Issue invoices"
    function    = { memory_mb = 256, timeout_s = 30, architecture = "arm64", provisioned_concurrency = 0 }
    batch       = { size = 10, window_s = 0 }
    queue       = { fifo = false, retention_days = 4, max_receives = 5, backstop = 1000, visibility_s = 180 }
    idempotency = { mode = "strict" }
  }
  package = {
    bucket       = "packages"
    key          = "workers/billing.zip"
    hash         = "hash"
    handler      = "services.billing.handler.handler"
    runtime      = "python3.13"
    architecture = "arm64"
    layers       = []
  }
  bus             = { name = "fanout-test", arn = "arn:aws:events:eu-central-1:111122223333:event-bus/fanout-test", publishes = [] }
  claims_bucket   = { name = "fanout-test-claims", arn = "arn:aws:s3:::fanout-test-claims" }
  filter_policies = { "shop.orders" = "{\"detail-type\":[\"OrderPlaced\"]}" }
  topic_arns      = { "shop.orders" = "arn:aws:sns:eu-central-1:111122223333:fanout-test-shop-orders" }
}

run "accepts_events_from_topics" {
  command = plan

  assert {
    condition     = length(aws_sns_topic_subscription.this) == 1 && length(aws_cloudwatch_event_rule.this) == 0
    error_message = "a worker with filter policies subscribes to their topics, and has no rules"
  }
}

run "accepts_events_from_rules_into_a_fifo_queue" {
  command = plan

  variables {
    filter_policies = {}
    rules           = { "shop.orders/OrderPlaced" = "{\"source\":[\"shop.orders\"]}" }
    manifest = {
      description = "Issue invoices in order"
      function    = { memory_mb = 256, timeout_s = 30, architecture = "arm64", provisioned_concurrency = 2 }
      batch       = { size = 10, window_s = 0, max_concurrency = 2 }
      queue       = { fifo = true, retention_days = 4, max_receives = 5, backstop = 1000, visibility_s = 180 }
      idempotency = { mode = "strict" }
    }
  }
  assert {
    condition     = aws_sqs_queue.main.name == "fanout-test-billing.fifo" && length(aws_sqs_queue.undelivered) == 1
    error_message = "EventBridge takes no FIFO queue as DLQ: a FIFO worker needs a standard one too"
  }
  assert {
    condition     = length(aws_lambda_provisioned_concurrency_config.live) == 1
    error_message = "provisioned concurrency belongs to the alias"
  }
}

run "refuses_a_topic_before_a_fifo_queue" {
  command = plan

  variables {
    manifest = {
      description = "Issue invoices in order"
      function    = { memory_mb = 256, timeout_s = 30, architecture = "arm64", provisioned_concurrency = 0 }
      batch       = { size = 10, window_s = 0 }
      queue       = { fifo = true, retention_days = 4, max_receives = 5, backstop = 1000, visibility_s = 180 }
      idempotency = { mode = "strict" }
    }
  }
  expect_failures = [var.filter_policies]
}

run "refuses_both_ways_at_once" {
  command = plan

  variables {
    rules = { "shop.orders/OrderPlaced" = "{\"source\":[\"shop.orders\"]}" }
  }
  expect_failures = [var.rules]
}

run "refuses_to_have_no_events" {
  command = plan

  variables {
    filter_policies = {}
  }
  expect_failures = [var.rules]
}

run "refuses_a_pattern_over_2048_characters" {
  command = plan

  variables {
    filter_policies = {}
    rules           = { "shop.orders/OrderPlaced" = jsonencode({ source = [for number in range(200) : "shop.orders${number}"] }) }
  }
  expect_failures = [var.rules]
}

run "counts_characters_as_they_are_sent" {
  command = plan

  variables {
    filter_policies = {}
    rules           = { "shop.orders/OrderPlaced" = jsonencode({ source = [join("", [for _ in range(1000) : "<"])] }) }
  }
}

run "refuses_calls_without_tls" {
  command = plan

  assert {
    condition = alltrue([
      for queue in [aws_sqs_queue.main, aws_sqs_queue.dead_letter] : anytrue([
        for statement in jsondecode(queue.policy).Statement :
        statement.Effect == "Deny" && statement.Action == "sqs:*" && try(statement.Condition.Bool["aws:SecureTransport"], "") == "false"
      ])
    ])
    error_message = "queues must refuse calls without TLS"
  }
}

run "uses_the_platforms_key" {
  command = plan

  variables {
    security = { key_alias = "alias/fanout-test", key_arn = "arn:aws:kms:eu-central-1:111122223333:key/1" }
  }
  assert {
    condition     = aws_sqs_queue.main.kms_master_key_id == "alias/fanout-test" && aws_sqs_queue.dead_letter.kms_master_key_id == "alias/fanout-test"
    error_message = "queues are encrypted with the platform's key"
  }
  assert {
    condition = anytrue([
      for statement in jsondecode(aws_iam_role_policy.this.policy).Statement :
      statement.Sid == "Key" && try(statement.Condition["ForAnyValue:StringEquals"]["kms:ResourceAliases"][0], "") == "alias/fanout-test"
    ])
    error_message = "the role may use that key, and no other"
  }
}

run "lives_in_a_vpc" {
  command = plan

  variables {
    vpc = { subnet_ids = ["subnet-1"], security_group_ids = ["sg-1"] }
  }
  assert {
    condition     = one(aws_lambda_function.this.vpc_config).subnet_ids == toset(["subnet-1"])
    error_message = "the function belongs into the subnets"
  }
  assert {
    condition = anytrue([
      for statement in jsondecode(aws_iam_role_policy.this.policy).Statement :
      statement.Effect == "Deny" && statement.Sid == "VpcNotByTheFunction"
    ])
    error_message = "the function itself must not use what Lambda needs for it"
  }
}

run "refuses_a_vpc_without_subnets" {
  command = plan

  variables {
    vpc = { subnet_ids = [], security_group_ids = ["sg-1"] }
  }
  expect_failures = [var.vpc]
}

run "follows_the_use_of_its_provisioned_concurrency_and_the_clock" {
  command = plan

  variables {
    manifest = {
      description      = "Issue invoices"
      function         = { memory_mb = 256, timeout_s = 30, architecture = "arm64", provisioned_concurrency = 2, reserved_concurrency = 50 }
      batch            = { size = 10, window_s = 0 }
      queue            = { fifo = false, retention_days = 4, max_receives = 5, backstop = 1000, visibility_s = 180 }
      idempotency      = { mode = "strict" }
      scaling          = { max = 20, utilization_percent = 60 }
      scaling_schedule = { morning = { expression = "cron(0 7 ? * MON-FRI *)", timezone = "Europe/Berlin", min = 5, max = 50 } }
    }
  }
  assert {
    condition     = aws_appautoscaling_target.live[0].resource_id == "function:fanout-test-billing:live" && aws_appautoscaling_target.live[0].min_capacity == 2 && aws_appautoscaling_target.live[0].max_capacity == 20
    error_message = "the alias is scaled, between what is declared"
  }
  assert {
    condition     = aws_appautoscaling_policy.utilization[0].target_tracking_scaling_policy_configuration[0].target_value == 0.6
    error_message = "the metric is a share of 1"
  }
  assert {
    condition     = one(aws_appautoscaling_scheduled_action.this["morning"].scalable_target_action).min_capacity == "5" && aws_appautoscaling_scheduled_action.this["morning"].timezone == "Europe/Berlin"
    error_message = "from that time on there are other bounds"
  }
}

run "follows_the_clock_alone" {
  command = plan

  variables {
    manifest = {
      description      = "Issue invoices"
      function         = { memory_mb = 256, timeout_s = 30, architecture = "arm64", provisioned_concurrency = 2 }
      batch            = { size = 10, window_s = 0 }
      queue            = { fifo = false, retention_days = 4, max_receives = 5, backstop = 1000, visibility_s = 180 }
      idempotency      = { mode = "strict" }
      scaling_schedule = { morning = { expression = "rate(1 day)", min = 5, max = 5 } }
    }
  }
  assert {
    condition     = length(aws_appautoscaling_policy.utilization) == 0 && aws_appautoscaling_target.live[0].max_capacity == 2
    error_message = "without scaling.max nothing follows the use"
  }
}

run "is_not_scaled_where_nothing_scales" {
  command = plan

  variables {
    autoscaling = false
    manifest = {
      description = "Issue invoices"
      function    = { memory_mb = 256, timeout_s = 30, architecture = "arm64", provisioned_concurrency = 2 }
      batch       = { size = 10, window_s = 0 }
      queue       = { fifo = false, retention_days = 4, max_receives = 5, backstop = 1000, visibility_s = 180 }
      idempotency = { mode = "strict" }
      scaling     = { max = 20 }
    }
  }
  assert {
    condition     = length(aws_appautoscaling_target.live) == 0 && terraform_data.provisioned[0].input == "2"
    error_message = "then the provisioned concurrency is what is declared"
  }
}

run "refuses_to_scale_nothing" {
  command = plan

  variables {
    manifest = {
      description = "Issue invoices"
      function    = { memory_mb = 256, timeout_s = 30, architecture = "arm64", provisioned_concurrency = 0 }
      batch       = { size = 10, window_s = 0 }
      queue       = { fifo = false, retention_days = 4, max_receives = 5, backstop = 1000, visibility_s = 180 }
      idempotency = { mode = "strict" }
      scaling     = { max = 20 }
    }
  }
  expect_failures = [var.manifest]
}

run "refuses_to_scale_over_the_reserved_concurrency" {
  command = plan

  variables {
    manifest = {
      description = "Issue invoices"
      function    = { memory_mb = 256, timeout_s = 30, architecture = "arm64", provisioned_concurrency = 2, reserved_concurrency = 10 }
      batch       = { size = 10, window_s = 0 }
      queue       = { fifo = false, retention_days = 4, max_receives = 5, backstop = 1000, visibility_s = 180 }
      idempotency = { mode = "strict" }
      scaling     = { max = 20 }
    }
  }
  expect_failures = [var.manifest]
}

run "reads_the_parameters_and_secrets_that_it_names" {
  command = plan

  variables {
    parameters = { discount = "shop/discount" }
    secrets    = { stripe = "shop/stripe" }
  }
  assert {
    condition     = aws_lambda_function.this.environment[0].variables["PARAMETER_DISCOUNT"] == "/fanout-test/shop/discount" && aws_lambda_function.this.environment[0].variables["SECRET_STRIPE"] == "fanout-test/shop/stripe"
    error_message = "the function is told the names in AWS"
  }
  assert {
    condition     = length(setintersection(jsondecode(aws_iam_role_policy.this.policy).Statement[*].Sid, ["Parameters", "ParametersKey", "Secrets", "SecretsKey"])) == 4
    error_message = "the role may read them"
  }
}

run "reads_none_that_it_does_not_name" {
  command = plan

  assert {
    condition     = length(setintersection(jsondecode(aws_iam_role_policy.this.policy).Statement[*].Sid, ["Parameters", "ParametersKey", "Secrets", "SecretsKey"])) == 0
    error_message = "the role may read nothing of SSM and Secrets Manager"
  }
}

run "keeps_its_records_in_a_table_of_its_own" {
  command = plan

  assert {
    condition     = one(aws_dynamodb_table.idempotency).name == "fanout-test-billing-idempotency" && length(aws_dynamodb_table.gather) == 0
    error_message = "a worker has one table of idempotency records, and none of gathers unless it gathers"
  }
  assert {
    condition = alltrue([
      one(aws_dynamodb_table.idempotency).deletion_protection_enabled,
      one(one(aws_dynamodb_table.idempotency).ttl).attribute_name == "expiration",
      one(one(aws_dynamodb_table.idempotency).point_in_time_recovery).enabled,
    ])
    error_message = "records expire by themselves, and are protected from everything else"
  }
  assert {
    condition = [for it in local.statements : it.Action if try(it.Resource[0] == "arn:aws:dynamodb:eu-central-1:111122223333:table/fanout-test-billing-idempotency", false)] == [
      ["dynamodb:PartiQLSelect", "dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate", "dynamodb:UpdateItem"]
    ]
    error_message = "the core claims, completes and releases, and deletes nothing"
  }
}

run "keeps_no_records_with_idempotency_off" {
  command = plan

  variables {
    manifest = {
      description = "Issue invoices"
      function    = { memory_mb = 256, timeout_s = 30, architecture = "arm64", provisioned_concurrency = 0 }
      batch       = { size = 10, window_s = 0 }
      queue       = { fifo = false, retention_days = 4, max_receives = 5, backstop = 1000, visibility_s = 180 }
      idempotency = { mode = "off" }
    }
  }
  assert {
    condition     = length(aws_dynamodb_table.idempotency) == 0 && length([for it in local.statements : it if it.Sid == "Idempotency"]) == 0
    error_message = "without idempotency there is neither a table nor a grant on one"
  }
}

run "keeps_the_records_of_powertools_with_idempotency_off" {
  command = plan

  variables {
    manifest = {
      description = "Issue invoices"
      function    = { memory_mb = 256, timeout_s = 30, architecture = "arm64", provisioned_concurrency = 0 }
      batch       = { size = 10, window_s = 0 }
      queue       = { fifo = false, retention_days = 4, max_receives = 5, backstop = 1000, visibility_s = 180 }
      idempotency = { mode = "off" }
      powertools  = true
    }
  }
  assert {
    condition     = length(aws_dynamodb_table.idempotency) == 1
    error_message = "Powertools keeps its records in the worker's table"
  }
  assert {
    condition = [for it in local.statements : it.Resource if it.Sid == "Powertools"] == [
      ["arn:aws:dynamodb:eu-central-1:111122223333:table/fanout-test-billing-idempotency"]
    ]
    error_message = "Powertools reaches the worker's own table, and no other"
  }
}

run "gathers_in_a_table_of_its_own_and_reports_parts_of_others" {
  command = plan

  variables {
    manifest = {
      description = "Issue invoices"
      function    = { memory_mb = 256, timeout_s = 30, architecture = "arm64", provisioned_concurrency = 0 }
      batch       = { size = 10, window_s = 0 }
      queue       = { fifo = false, retention_days = 4, max_receives = 5, backstop = 1000, visibility_s = 180 }
      idempotency = { mode = "strict" }
      gathers     = true
      parts_of    = ["report"]
    }
  }
  assert {
    condition     = one(aws_dynamodb_table.gather).name == "fanout-test-billing-gather" && one(aws_dynamodb_table.gather).deletion_protection_enabled
    error_message = "a worker that gathers has a table of its own"
  }
  assert {
    condition = { for it in local.statements : it.Sid => it.Resource if contains(["Gather", "Wake", "ReportParts"], it.Sid) } == {
      Gather      = ["arn:aws:dynamodb:eu-central-1:111122223333:table/fanout-test-billing-gather"]
      Wake        = ["arn:aws:sqs:eu-central-1:111122223333:fanout-test-billing"]
      ReportParts = ["arn:aws:sqs:eu-central-1:111122223333:fanout-test-report"]
    }
    error_message = "of another worker's gather it reaches the queue only"
  }
}

run "publishes_what_it_names_under_its_own_name" {
  command = plan

  variables {
    bus = {
      name      = "fanout-test"
      arn       = "arn:aws:events:eu-central-1:111122223333:event-bus/fanout-test"
      publishes = ["shop.billing/InvoiceIssued", "shop.billing/InvoiceRefunded"]
    }
  }
  assert {
    condition = one([for it in jsondecode(aws_iam_role_policy.this.policy).Statement : jsonencode(it.Condition) if it.Sid == "Publish"]) == jsonencode({
      "ForAllValues:StringEquals" = {
        "events:detail-type" = ["InvoiceIssued", "InvoiceRefunded"]
        "events:source"      = ["shop.billing"]
      }
    })
    error_message = "a worker publishes the events that it declares, and no canary"
  }
  assert {
    condition = [
      for it in jsondecode(aws_iam_role_policy.this.policy).Statement : it.Resource if contains(it.Action, "s3:PutObject")
    ] == [["arn:aws:s3:::fanout-test-claims/fanout-test-billing/*"]]
    error_message = "a worker writes claims under its own name"
  }
}

run "lists_no_claims" {
  command = plan

  assert {
    condition = flatten([
      for it in jsondecode(aws_iam_role_policy.this.policy).Statement :
      [for action in it.Action : "${action} ${join(" ", it.Resource)}" if startswith(action, "s3:")]
    ]) == ["s3:GetObject arn:aws:s3:::fanout-test-claims/fanout-test-*/* arn:aws:s3:::fanout-test-claims/people/*"]
    error_message = "a worker reads claims by their keys, which it is told by events, and lists none"
  }
}

run "bounds_its_role_when_told" {
  command = plan

  variables {
    deployment = {
      namespace            = "fanout-test"
      partition            = "aws"
      region               = "eu-central-1"
      account_id           = "111122223333"
      permissions_boundary = "arn:aws:iam::111122223333:policy/boundary"
    }
  }
  assert {
    condition     = aws_iam_role.this.permissions_boundary == "arn:aws:iam::111122223333:policy/boundary"
    error_message = "an account that wants a boundary refuses roles without it"
  }
}

run "tags_what_a_worker_has_with_its_owner" {
  command = plan

  variables {
    manifest = {
      description = "Issue invoices"
      owner       = "billing"
      function    = { memory_mb = 256, timeout_s = 30, architecture = "arm64", provisioned_concurrency = 0, ephemeral_storage_mb = 2048, tracing = "active" }
      batch       = { size = 10, window_s = 0 }
      queue       = { fifo = false, retention_days = 4, max_receives = 5, backstop = 1000, visibility_s = 180 }
      gathers     = true
    }
  }
  assert {
    condition = alltrue([for tags in [
      aws_cloudwatch_log_group.this.tags, aws_dynamodb_table.gather[0].tags, aws_dynamodb_table.idempotency[0].tags, aws_iam_role.this.tags,
      aws_lambda_event_source_mapping.queue.tags, aws_lambda_function.this.tags, aws_sqs_queue.dead_letter.tags, aws_sqs_queue.main.tags,
    ] : tags.owner == "billing"])
    error_message = "everything of the worker's that can have tags says whose it is"
  }
  assert {
    condition     = aws_lambda_function.this.ephemeral_storage[0].size == 2048 && aws_lambda_function.this.tracing_config[0].mode == "Active"
    error_message = "storage and tracing are as declared"
  }
  assert {
    condition     = length([for it in jsondecode(aws_iam_role_policy.this.policy).Statement : it if it.Sid == "Traces"]) == 1
    error_message = "who is traced may write traces"
  }
}

run "starts_published_versions_from_a_snapshot" {
  command = plan

  variables {
    manifest = {
      description = "Issue invoices"
      function    = { memory_mb = 256, timeout_s = 30, architecture = "arm64", provisioned_concurrency = 0, snap_start = true }
      batch       = { size = 10, window_s = 0 }
      queue       = { fifo = false, retention_days = 4, max_receives = 5, backstop = 1000, visibility_s = 180 }
    }
  }
  assert {
    condition     = aws_lambda_function.this.snap_start[0].apply_on == "PublishedVersions" && aws_lambda_function.this.publish
    error_message = "a snapshot is made of each version that is published"
  }
}

run "refuses_snapshots_beside_provisioned_concurrency" {
  command = plan

  variables {
    manifest = {
      description = "Issue invoices"
      function    = { memory_mb = 256, timeout_s = 30, architecture = "arm64", provisioned_concurrency = 1, snap_start = true }
      batch       = { size = 10, window_s = 0 }
      queue       = { fifo = false, retention_days = 4, max_receives = 5, backstop = 1000, visibility_s = 180 }
    }
  }
  expect_failures = [var.manifest]
}

run "refuses_snapshots_of_a_python_that_has_none" {
  command = plan

  variables {
    manifest = {
      description = "Issue invoices"
      function    = { memory_mb = 256, timeout_s = 30, architecture = "arm64", provisioned_concurrency = 0, snap_start = true }
      batch       = { size = 10, window_s = 0 }
      queue       = { fifo = false, retention_days = 4, max_receives = 5, backstop = 1000, visibility_s = 180 }
    }
    package = { bucket = "packages", key = "workers/billing.zip", hash = "hash", handler = "services.billing.handler.handler", runtime = "python3.11", architecture = "arm64", layers = [] }
  }
  expect_failures = [var.manifest]
}

run "puts_role_and_code_where_the_account_wants_them" {
  command = plan

  variables {
    deployment = {
      namespace           = "fanout-test"
      partition           = "aws"
      region              = "eu-central-1"
      account_id          = "111122223333"
      role_path           = "/fanout/"
      code_signing_config = "arn:aws:lambda:eu-central-1:111122223333:code-signing-config:csc-0123456789abcdef0"
    }
  }
  assert {
    condition     = aws_iam_role.this.path == "/fanout/" && endswith(aws_lambda_function.this.code_signing_config_arn, ":csc-0123456789abcdef0")
    error_message = "path and code signing are the environment's"
  }
}
