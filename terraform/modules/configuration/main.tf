# What a function is told by SSM Parameter Store and Secrets Manager: names for its environment, and the least that its
# role needs to read them. The values are put there by people (docs/how-to/use-secrets-and-parameters.md): they are in no plan and no state.
# No resources; fanout.parameters is what reads them.

locals {
  location = "${var.deployment.region}:${var.deployment.account_id}"
  arns     = "arn:${var.deployment.partition}"

  # A name is the deployment's own; one that begins with / is as it is, for what several deployments share. SSM's names
  # are paths and keep that /, Secrets Manager's do not.
  parameters = { for name, at in var.parameters : name => startswith(at, "/") ? at : "/${var.deployment.namespace}/${at}" }
  secrets    = { for name, at in var.secrets : name => startswith(at, "/") ? trimprefix(at, "/") : "${var.deployment.namespace}/${at}" }

  parameter_arns = [for name in distinct(values(local.parameters)) : "${local.arns}:ssm:${local.location}:parameter${name}"]
  # AWS ends a secret's ARN with six characters of its own choice:
  # https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_examples.html
  secret_arns = [for name in distinct(values(local.secrets)) : "${local.arns}:secretsmanager:${local.location}:secret:${name}-??????"]

  reads_parameters = length(local.parameter_arns) > 0
  reads_secrets    = length(local.secret_arns) > 0

  # Keys of AWS's own need no grant; any other is used in the caller's name, for the thing named in the context alone.
  statements = concat(
    local.reads_parameters ? [{
      Sid      = "Parameters"
      Effect   = "Allow"
      Action   = ["ssm:GetParameters"]
      Resource = local.parameter_arns
    }] : [],
    local.reads_parameters ? [{
      Sid      = "ParametersKey"
      Effect   = "Allow"
      Action   = ["kms:Decrypt"]
      Resource = ["${local.arns}:kms:${local.location}:key/*"]
      Condition = {
        StringEquals = {
          "kms:ViaService"                      = ["ssm.${var.deployment.region}.amazonaws.com"]
          "kms:EncryptionContext:PARAMETER_ARN" = local.parameter_arns
        }
      }
    }] : [],
    local.reads_secrets ? [{
      Sid      = "Secrets"
      Effect   = "Allow"
      Action   = ["secretsmanager:GetSecretValue"]
      Resource = local.secret_arns
    }] : [],
    local.reads_secrets ? [{
      Sid      = "SecretsKey"
      Effect   = "Allow"
      Action   = ["kms:Decrypt"]
      Resource = ["${local.arns}:kms:${local.location}:key/*"]
      Condition = {
        StringEquals = { "kms:ViaService" = ["secretsmanager.${var.deployment.region}.amazonaws.com"] }
        StringLike   = { "kms:EncryptionContext:SecretARN" = local.secret_arns }
      }
    }] : [],
  )
}
