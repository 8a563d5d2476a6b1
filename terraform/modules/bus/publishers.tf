# Who outside of this account may put events on the bus, and which; inside, roles say it.

locals {
  organisations = [for it in var.publishers : it if startswith(it.principal, "o-")]
  accounts      = [for it in var.publishers : it if !startswith(it.principal, "o-")]
  publisher_statements = concat(
    [for it in local.accounts : {
      Sid       = "Account${it.principal}"
      Effect    = "Allow"
      Principal = { AWS = "arn:${var.deployment.partition}:iam::${it.principal}:root" }
      Action    = "events:PutEvents"
      Resource  = local.name_arn
      Condition = { StringEquals = { "events:source" = sort(it.sources) } }
    }],
    [for it in local.organisations : {
      Sid       = "Organisation${replace(it.principal, "-", "")}"
      Effect    = "Allow"
      Principal = "*"
      Action    = "events:PutEvents"
      Resource  = local.name_arn
      Condition = { StringEquals = { "aws:PrincipalOrgID" = it.principal, "events:source" = sort(it.sources) } }
    }],
  )
}

resource "aws_cloudwatch_event_bus_policy" "publishers" {
  count = length(var.publishers) > 0 ? 1 : 0

  event_bus_name = local.bus.name
  policy         = jsonencode({ Version = "2012-10-17", Statement = local.publisher_statements })
}
