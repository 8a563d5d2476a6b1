# The least the web function needs, and what it is permitted beside that.

locals {
  vpc_actions = [
    "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
  ]
  statements = concat(
    [{
      Sid      = "Logs"
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = ["${local.arns}:logs:${local.location}:log-group:/aws/lambda/${local.name}:*"]
    }],
    length(var.publishes) == 0 ? [] : [{
      Sid      = "Publish"
      Effect   = "Allow"
      Action   = ["events:PutEvents"]
      Resource = [var.bus.arn]
      Condition = { "ForAllValues:StringEquals" = {
        "events:source"      = sort(distinct([for event in var.publishes : split("/", event)[0]]))
        "events:detail-type" = sort(distinct([for event in var.publishes : split("/", event)[1]]))
      } }
    }],
    length(var.publishes) == 0 ? [] : [{
      Sid      = "DepositClaims"
      Effect   = "Allow"
      Action   = ["s3:PutObject"]
      Resource = ["${var.claims_bucket.arn}/${local.name}/*"]
    }],
    # By alias, so that a plan shows the statement before there is a key: S3 uses it for claims in the role's name.
    length(var.publishes) == 0 || var.security.key_alias == null ? [] : [{
      Sid      = "Key"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = ["${local.arns}:kms:${local.location}:key/*"]
      Condition = {
        "ForAnyValue:StringEquals" = { "kms:ResourceAliases" = [var.security.key_alias] }
        StringEquals               = { "kms:ViaService" = ["s3.${var.deployment.region}.amazonaws.com"] }
      }
    }],
    # Lambda asks for these without a resource, and makes the interfaces in the role's name; functions cannot use them:
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
    var.vpc == null ? [] : [
      { Sid = "Vpc", Effect = "Allow", Action = local.vpc_actions, Resource = ["*"] },
    ],
    var.vpc == null ? [] : [{
      Sid       = "VpcNotByTheFunction"
      Effect    = "Deny"
      Action    = ["ec2:*NetworkInterface*", "ec2:*PrivateIpAddresses", "ec2:DescribeSubnets"]
      Resource  = ["*"]
      Condition = { ArnEquals = { "lambda:SourceFunctionArn" = ["${local.arns}:lambda:${local.location}:function:${local.name}"] } }
    }],
    module.configuration.statements,
    [for index, permission in var.permissions : {
      Sid      = "Permission${index}"
      Effect   = "Allow"
      Action   = permission.actions
      Resource = permission.resources
    }],
  )
}

module "configuration" {
  source = "../configuration"

  deployment = var.deployment
  parameters = var.parameters
  secrets    = var.secrets
}

resource "aws_iam_role" "this" {
  name                 = local.name
  permissions_boundary = var.deployment.permissions_boundary
  path                 = var.deployment.role_path
  description          = "Web function ${var.name}"
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
  name   = "web"
  role   = aws_iam_role.this.id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements })
}
