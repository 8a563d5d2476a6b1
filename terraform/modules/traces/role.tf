# The least the forwarder needs: its own log, the secret of its header fields if there is one, X-Ray if that is the
# collector.

locals {
  statements = concat(
    [{
      Sid      = "Logs"
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = ["${local.log_group_arn}:${local.log_group}:*"]
    }],
    # X-Ray's own endpoint is signed for with the role, and has no resource in IAM.
    [for endpoint in [var.endpoint] : {
      Sid      = "Spans"
      Effect   = "Allow"
      Action   = ["xray:PutTraceSegments"]
      Resource = ["*"]
    } if startswith(endpoint, "https://xray.")],
    module.configuration.statements,
  )

  # On AWS there are no aliases. An emulator's IAM may ask for a call's name where AWS asks for the action behind it.
  aliased = [for s in local.statements : merge(s, {
    Action = distinct(concat(s.Action, flatten([for action in s.Action : lookup(var.iam_dialect.aliases, action, [])])))
  })]
}

module "configuration" {
  source = "../configuration"

  deployment = var.deployment
  secrets    = var.headers_secret == null ? {} : { otlp-headers = var.headers_secret }
}

resource "aws_iam_role" "this" {
  name                 = local.name
  permissions_boundary = var.deployment.permissions_boundary
  path                 = var.deployment.role_path
  description          = "Function that sends spans to a collector"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name   = "traces"
  role   = aws_iam_role.this.id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.aliased })
}
