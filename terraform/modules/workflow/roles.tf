# The state machine invokes its functions, each by name; the rule starts the state machine. Neither may do more.
# The roles' names have a dot, which no worker's name has.

locals {
  statements = concat(
    [{ Sid = "Invoke", Effect = "Allow", Action = ["lambda:InvokeFunction"], Resource = sort(var.functions) }],
    # CloudWatch Logs takes these for no resource: https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
    var.log_level == "OFF" ? [] : [{
      Sid    = "Logs"
      Effect = "Allow"
      Action = [
        "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies",
        "logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
      ]
      Resource = ["*"]
    }],
    !var.tracing ? [] : [{
      Sid      = "Traces"
      Effect   = "Allow"
      Action   = ["xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords", "xray:PutTraceSegments"]
      Resource = ["*"]
    }],
  )
}

resource "aws_iam_role" "this" {
  name                 = "${var.deployment.namespace}.${var.name}"
  permissions_boundary = var.deployment.permissions_boundary
  path                 = var.deployment.role_path
  description          = "Workflow ${var.name}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "states.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { ArnEquals = { "aws:SourceArn" = local.machine_arn } }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name   = "workflow"
  role   = aws_iam_role.this.id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements })
}

resource "aws_iam_role" "start" {
  name                 = "${var.deployment.namespace}.${var.name}.start"
  permissions_boundary = var.deployment.permissions_boundary
  path                 = var.deployment.role_path
  description          = "Starts workflow ${var.name}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { ArnEquals = { "aws:SourceArn" = local.rule_arn } }
    }]
  })
}

resource "aws_iam_role_policy" "start" {
  name = "start"
  role = aws_iam_role.start.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Sid = "Start", Effect = "Allow", Action = ["states:StartExecution"], Resource = [local.machine_arn] }]
  })
}
