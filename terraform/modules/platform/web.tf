# The web functions and, where there is one, the router in front of those that are reached through it.

locals {
  web_files = { for file in local.worker_alone == null ? fileset(var.services_dir, "*/web.yaml") : [] : replace(dirname(file), "_", "-") => file }

  web_declared = { for name, file in local.web_files : name => try(yamldecode(file("${var.services_dir}/${file}")), {}) }
  web_timeouts = { router = 900, url = 60, http_api = 30 }

  # What needs no router is deployed as it is declared; what needs one, where the environment says so.
  web_settings = merge(
    { for name, declared in local.web_declared : name => local.web_plain if try(declared.via, "router") != "router" },
    local.worker_alone == null ? var.web : {},
  )
  web_plain = { reserved_concurrency = null, environment = {}, parameters = {}, secrets = {}, jwt = null, error_rate_percent = 5, route = null }

  # Name => the web function as its web.yaml declares it, with the defaults of shared/fanout_tools/declarations/web.py.
  web = {
    for name, settings in local.web_settings : name => {
      folder       = try(dirname(local.web_files[name]), name)
      description  = try(local.web_declared[name].description, "")
      publishes    = try(local.web_declared[name].publishes, [])
      permissions  = try([for it in local.web_declared[name].permissions : { actions = it.actions, resources = it.resources }], [])
      via          = try(local.web_declared[name].via, "router")
      url          = { auth = try(local.web_declared[name].url.auth, "iam"), streaming = try(local.web_declared[name].url.streaming, false) }
      memory_mb    = try(local.web_declared[name].function.memory_mb, 512)
      timeout_s    = try(local.web_declared[name].function.timeout_s, local.web_timeouts[try(local.web_declared[name].via, "router")])
      architecture = coalesce(local.target.architecture, try(local.web_declared[name].function.architecture, "arm64"))
      http_api = {
        auth  = try(local.web_declared[name].http_api.auth, "jwt")
        jwt   = settings.jwt != null ? settings.jwt : try(local.web_declared[name].http_api.jwt, null)
        rate  = try(local.web_declared[name].http_api.rate, 100)
        burst = try(local.web_declared[name].http_api.burst, 200)
      }
    }
  }
  routed = toset([for name, function in local.web : name if function.via == "router"])
  router_vpc = var.router == null ? var.vpc : {
    subnet_ids         = var.router.vpc.private_subnet_ids
    security_group_ids = local.has.edge ? toset([module.router[0].web_security_group]) : toset([]) # no splat: that would wait for the whole module
  }
}

module "web" {
  source   = "../web"
  for_each = { for name, function in local.web : name => function if local.has.edge }

  deployment  = local.deployment
  security    = { key_alias = local.security.key_alias, key_arn = local.security.key_arn }
  name        = each.key
  description = each.value.description
  via         = each.value.via
  url         = each.value.url
  http_api    = each.value.http_api
  package = {
    bucket       = local.packages_bucket
    key          = aws_s3_object.package["web/${each.key}"].key
    hash         = local.hashes["web/${each.key}"]
    handler      = "services.${each.value.folder}.handler.handler"
    runtime      = local.target.runtime
    architecture = each.value.architecture
    layers       = [for layer in ["dependencies-${each.value.architecture}", "layers/${each.key}"] : local.layer_arns[layer] if contains(keys(local.layer_arns), layer)]
  }
  memory_mb            = each.value.memory_mb
  timeout_s            = each.value.timeout_s
  reserved_concurrency = local.web_settings[each.key].reserved_concurrency
  environment = merge(
    { for name, values in local.store_variables[each.key] : name => values[0] }, local.web_settings[each.key].environment, var.function_environment,
  )
  publishes          = each.value.publishes
  bus                = local.bus
  claims_bucket      = local.claims_bucket
  parameters         = local.web_settings[each.key].parameters
  secrets            = local.web_settings[each.key].secrets
  permissions        = local.permissions[each.key]
  vpc                = contains(local.routed, each.key) ? local.router_vpc : var.vpc
  alarm_topic        = module.observability.alarm_topic
  alarm_actions      = var.observability.alarm_actions
  ok_actions         = var.observability.ok_actions
  error_rate_percent = local.web_settings[each.key].error_rate_percent
  log_retention_days = var.log_retention_days
}

module "router" {
  source = "../router"
  count  = var.router != null && local.has.edge ? 1 : 0

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
  alarm_actions      = var.observability.alarm_actions
  ok_actions         = var.observability.ok_actions
  log_retention_days = var.log_retention_days
  functions = merge(
    {
      for name, function in var.web : name => merge(function.route, {
        arn                  = module.web[name].function.arn
        alias                = module.web[name].function.alias
        timeout_s            = local.web[name].timeout_s
        reserved_concurrency = function.reserved_concurrency
      }) if contains(local.routed, name)
    },
    # Nobody looks most of the time.
    { for console in module.console : "console" => { arn = console.function.arn, alias = console.function.alias, timeout_s = 900, host = var.console.host, minimum = 0, maximum = 2 } },
  )
}

module "console" {
  source = "../console"
  count  = var.console != null && local.has.edge ? 1 : 0

  deployment         = local.deployment
  security           = { key_arn = local.security.key_arn }
  package            = local.console_package
  settings           = var.console
  client_secret      = var.console_client_secret
  policies           = { for name in ["observer", "investigator", "operator"] : name => try(module.operators[0].policies[name], "arn:${local.deployment.partition}:iam::${local.deployment.account_id}:policy/${var.namespace}-${name}") }
  router             = module.router[0].balancer # no splat: that would wait for the whole module
  vpc                = local.router_vpc
  environment        = merge(var.function_environment, local.bus_elsewhere ? { FANOUT_EVENT_BUS = local.bus_name } : {})
  log_retention_days = var.log_retention_days
}
