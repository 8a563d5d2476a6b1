# Whom the key serves.

mock_provider "aws" {}

variables {
  deployment = { namespace = "fanout-test", partition = "aws", region = "eu-central-1", account_id = "111122223333" }
}

run "serves_services_for_this_deployment_only" {
  command = plan

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_kms_key.this[0].policy).Statement : can(statement.Condition.ArnLike)
      if statement.Effect == "Allow" && try(statement.Principal.Service, null) != null && statement.Action != "kms:DescribeKey"
    ])
    error_message = "a service may use the key only for something of this deployment"
  }
  assert {
    condition = alltrue(flatten([
      for statement in jsondecode(aws_kms_key.this[0].policy).Statement : [
        for value in flatten(values(try(statement.Condition.ArnLike, {}))) : strcontains(value, ":111122223333:") && strcontains(value, "fanout-test")
      ]
    ]))
    error_message = "it is of this account and namespace"
  }
  assert {
    condition     = output.alias == "alias/fanout-test" && aws_kms_key.this[0].enable_key_rotation
    error_message = "the alias is known before the key is made; the key rotates"
  }
}

# KMS is told no source when EventBridge writes to an encrypted topic:
# https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
run "asks_for_no_source_where_kms_is_told_none" {
  command = plan

  assert {
    condition = [
      for statement in jsondecode(aws_kms_key.this[0].policy).Statement : keys(statement.Condition.ArnLike)
      if contains(["EventsTopics", "EventsQueues", "SnsQueues"], statement.Sid)
      ] == [
      ["kms:EncryptionContext:aws:sqs:arn"], ["kms:EncryptionContext:aws:sns:topicArn"], ["kms:EncryptionContext:aws:sqs:arn"],
    ]
    error_message = "topics and queues are told by what is encrypted, not by its source"
  }
  assert {
    condition = one([
      for statement in jsondecode(aws_kms_key.this[0].policy).Statement : statement.Condition if statement.Effect == "Deny"
      ]) == {
      Null          = { "aws:SourceAccount" = "false" }
      StringNotLike = { "aws:SourceAccount" = "*111122223333*" }
    }
    error_message = "a source of another account is refused where one is named"
  }
}

run "serves_no_topic_to_eventbridge_itself_where_roles_write" {
  command = plan

  variables {
    bus_grants = "role"
  }
  assert {
    condition     = !contains(jsondecode(aws_kms_key.this[0].policy).Statement[*].Sid, "EventsTopics")
    error_message = "the domains' roles have the key by way of SNS"
  }
}

run "guards_the_key_where_the_environment_is_protected" {
  command = plan

  variables {
    protect = true
  }
  assert {
    condition     = join(",", module.guard.guarded) == "alias/fanout-test"
    error_message = "no plan may destroy it"
  }
}

run "lets_a_key_go_that_is_not_protected" {
  command = plan

  assert {
    condition     = length(module.guard.guarded) == 0
    error_message = "an environment that may be destroyed may lose it"
  }
}

run "takes_an_existing_key_and_leaves_it_alone" {
  command = plan

  variables {
    existing = "arn:aws:kms:eu-central-1:111122223333:key/0a1b"
    protect  = true
  }
  assert {
    condition     = length(aws_kms_key.this) == 0 && length(module.guard.guarded) == 0
    error_message = "no key is made or guarded"
  }
  assert {
    condition     = aws_kms_alias.this.target_key_id == var.existing && output.arn == var.existing && output.alias == "alias/fanout-test"
    error_message = "by its alias it is found as a key that was made here"
  }
  assert {
    condition     = jsondecode(terraform_data.existing[0].input.policy).Statement[*].Sid == output.statements[*].Sid && contains(output.statements[*].Sid, "SnsQueues")
    error_message = "the plan says what its policy has to say"
  }
}
