# The web functions and, where there is one, the router in front of them.

locals {
  web_architectures = { for name, function in var.web : name => coalesce(local.target.architecture, function.architecture) }
  web_vpc = var.router == null ? var.vpc : {
    subnet_ids         = var.router.vpc.private_subnet_ids
    security_group_ids = toset([module.router[0].web_security_group]) # no splat: that would wait for the whole module
  }
}

resource "aws_s3_object" "web" {
  for_each = var.web

  bucket = aws_s3_bucket.packages.id
  key    = "web/${each.key}-${try(filesha256(each.value.package), "")}.zip"
  source = each.value.package

  # Nobody looks at tags of what lies here for a deployment only, and an object can have but ten.
  override_provider {
    default_tags {
      tags = {}
    }
  }
}

module "web" {
  source   = "../web"
  for_each = var.web

  deployment  = local.deployment
  security    = { key_alias = local.security.key_alias, key_arn = local.security.key_arn }
  name        = each.key
  description = each.value.description
  package = {
    bucket       = aws_s3_bucket.packages.id
    key          = aws_s3_object.web[each.key].key
    hash         = try(filebase64sha256(each.value.package), "")
    handler      = each.value.handler
    runtime      = local.target.runtime
    architecture = local.web_architectures[each.key]
    layers       = [aws_lambda_layer_version.this["dependencies-${local.web_architectures[each.key]}"].arn]
  }
  memory_mb            = each.value.memory_mb
  timeout_s            = each.value.timeout_s
  reserved_concurrency = each.value.reserved_concurrency
  environment          = merge(each.value.environment, var.function_environment)
  publishes            = each.value.publishes
  bus                  = { name = module.bus.name, arn = module.bus.arn }
  claims_bucket        = module.store.claims_bucket
  parameters           = each.value.parameters
  secrets              = each.value.secrets
  permissions          = each.value.permissions
  vpc                  = local.web_vpc
  log_retention_days   = var.log_retention_days
}

module "router" {
  source = "../router"
  count  = var.router == null ? 0 : 1

  deployment         = local.deployment
  security           = { key_arn = local.security.key_arn }
  protect            = var.protect
  vpc                = var.router.vpc
  image_tag          = var.router.image_tag
  certificate_arn    = var.router.certificate_arn
  control_secret     = var.router.control_secret
  task               = var.router.task
  scaling            = var.router.scaling
  timeouts           = var.router.timeouts
  client_cidrs       = var.router.client_cidrs
  internal           = var.router.internal
  access_logs_bucket = var.router.access_logs_bucket
  access_log         = var.router.access_log
  error_rate_percent = var.router.error_rate_percent
  alarm_topic        = module.observability.alarm_topic
  log_retention_days = var.log_retention_days
  functions = {
    for name, function in var.web : name => merge(function.route, {
      arn                  = module.web[name].function.arn
      alias                = module.web[name].function.alias
      timeout_s            = function.timeout_s
      reserved_concurrency = function.reserved_concurrency
    })
  }
}
