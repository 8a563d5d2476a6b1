# The web functions and, where there is one, the router in front of them.

locals {
  web_files = { for file in fileset(var.services_dir, "*/web.yaml") : replace(dirname(file), "_", "-") => file }

  # Name => the web function as its web.yaml declares it, with the defaults of shared/fanout_tools/declarations/web.py.
  web = {
    for name, declared in { for name in keys(var.web) : name => try(yamldecode(file("${var.services_dir}/${local.web_files[name]}")), {}) } : name => {
      folder       = try(dirname(local.web_files[name]), name)
      description  = try(declared.description, "")
      publishes    = length(try(declared.publishes, [])) > 0
      permissions  = try([for it in declared.permissions : { actions = it.actions, resources = it.resources }], [])
      memory_mb    = try(declared.function.memory_mb, 512)
      timeout_s    = try(declared.function.timeout_s, 900)
      architecture = coalesce(local.target.architecture, try(declared.function.architecture, "arm64"))
    }
  }
  web_vpc = var.router == null ? var.vpc : {
    subnet_ids         = var.router.vpc.private_subnet_ids
    security_group_ids = toset([module.router[0].web_security_group]) # no splat: that would wait for the whole module
  }
}

module "web" {
  source   = "../web"
  for_each = local.web

  deployment  = local.deployment
  security    = { key_alias = local.security.key_alias, key_arn = local.security.key_arn }
  name        = each.key
  description = each.value.description
  package = {
    bucket       = aws_s3_bucket.packages.id
    key          = aws_s3_object.package["web/${each.key}"].key
    hash         = local.hashes["web/${each.key}"]
    handler      = "services.${each.value.folder}.handler.handler"
    runtime      = local.target.runtime
    architecture = each.value.architecture
    layers = [
      for layer in ["dependencies-${each.value.architecture}", "layers/${each.key}"] : aws_lambda_layer_version.this[layer].arn
      if contains(local.layers, layer)
    ]
  }
  memory_mb            = each.value.memory_mb
  timeout_s            = each.value.timeout_s
  reserved_concurrency = var.web[each.key].reserved_concurrency
  environment = merge(
    { for name, values in local.store_variables[each.key] : name => values[0] }, var.web[each.key].environment, var.function_environment,
  )
  publishes          = each.value.publishes
  bus                = { name = module.bus.name, arn = module.bus.arn }
  claims_bucket      = module.store.claims_bucket
  parameters         = var.web[each.key].parameters
  secrets            = var.web[each.key].secrets
  permissions        = local.permissions[each.key]
  vpc                = local.web_vpc
  log_retention_days = var.log_retention_days
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
      timeout_s            = local.web[name].timeout_s
      reserved_concurrency = function.reserved_concurrency
    })
  }
}
