# The task's role, which the router calls AWS with, and the execution role, by which ECS starts it.

locals {
  # Only tasks of this account may take the roles: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
  assumed_by_tasks = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = var.deployment.account_id } }
    }]
  })
  execution_statements = concat(
    [
      {
        # It knows no resources (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html).
        Sid      = "Registry"
        Effect   = "Allow"
        Action   = ["ecr:GetAuthorizationToken"]
        Resource = ["*"]
      },
      {
        Sid      = "Image"
        Effect   = "Allow"
        Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        Resource = ["${local.arns}:ecr:${local.location}:repository/${local.name}"]
      },
      {
        Sid      = "Logs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${local.arns}:logs:${local.location}:log-group:${local.log_group}:*"]
      },
      {
        Sid      = "Certificate"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = [var.control_secret.arn]
      },
    ],
    var.control_secret.key_arn == null ? [] : [{
      Sid      = "CertificateKey"
      Effect   = "Allow"
      Action   = ["kms:Decrypt"]
      Resource = [var.control_secret.key_arn]
      Condition = {
        StringEquals = {
          "kms:ViaService"                  = "secretsmanager.${var.deployment.region}.amazonaws.com"
          "kms:EncryptionContext:SecretARN" = var.control_secret.arn
        }
      }
    }],
  )
}

resource "aws_iam_role" "task" {
  name                 = local.name
  permissions_boundary = var.deployment.permissions_boundary
  path                 = var.deployment.role_path
  description          = "Router"
  assume_role_policy   = local.assumed_by_tasks
}

resource "aws_iam_role_policy" "task" {
  name = "router"
  role = aws_iam_role.task.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "Invoke"
      Effect   = "Allow"
      Action   = ["lambda:InvokeFunction"]
      Resource = [for function in var.functions : "${function.arn}:${function.alias}"]
    }]
  })
}

resource "aws_iam_role" "execution" {
  name                 = "${local.name}-start"
  permissions_boundary = var.deployment.permissions_boundary
  path                 = var.deployment.role_path
  description          = "What ECS needs to start the router"
  assume_role_policy   = local.assumed_by_tasks
}

resource "aws_iam_role_policy" "execution" {
  name   = "start"
  role   = aws_iam_role.execution.id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.execution_statements })
}
