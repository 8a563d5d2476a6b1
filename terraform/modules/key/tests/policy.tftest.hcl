# Whom the key serves.

mock_provider "aws" {}

variables {
  deployment = { namespace = "fanout-test", partition = "aws", region = "eu-central-1", account_id = "111122223333" }
}

run "serves_services_for_this_deployment_only" {
  command = plan

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_kms_key.this.policy).Statement : can(statement.Condition.ArnLike)
      if try(statement.Principal.Service, null) != null && statement.Action != "kms:DescribeKey"
    ])
    error_message = "a service may use the key only for a source of this deployment"
  }
  assert {
    condition = alltrue([
      for statement in jsondecode(aws_kms_key.this.policy).Statement : alltrue([
        for source in flatten([try(statement.Condition.ArnLike["aws:SourceArn"], [])]) : strcontains(source, ":111122223333:") && strcontains(source, "fanout-test")
      ])
    ])
    error_message = "a source is of this account and namespace"
  }
  assert {
    condition     = output.alias == "alias/fanout-test" && aws_kms_key.this.enable_key_rotation
    error_message = "the alias is known before the key is made; the key rotates"
  }
}
