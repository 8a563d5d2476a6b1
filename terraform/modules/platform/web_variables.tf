# What the web functions, the router in front of them and the console behind it are given.

variable "web" {
  description = "By name of those that a web.yaml in services_dir declares, what differs between environments: limits, variables, whose tokens an HTTP API takes, and the route, which is what a router does with it (see modules/router). A web function that is reached through a router is deployed where it is named here; any other, in every environment."
  type = map(object({
    reserved_concurrency = optional(number)
    environment          = optional(map(string), {})
    parameters           = optional(map(string), {})
    secrets              = optional(map(string), {})
    error_rate_percent   = optional(number, 5)
    jwt = optional(object({
      issuer   = string
      audience = list(string)
    }))
    route = optional(object({
      host           = optional(string, "")
      prefix         = optional(string, "/")
      channels       = optional(number, 10)
      minimum        = optional(number, 1)
      maximum        = optional(number, 100)
      spare          = optional(number, 0)
      open_timeout_s = optional(number, 30)
    }), {})
  }))
  default = {}

  validation {
    condition     = alltrue([for name in concat(keys(var.web), keys(local.web_declared)) : !contains(concat(keys(local.workers), ["canary", "console", "outbox", "router"]), name)])
    error_message = "A web function has the name of a worker or of the platform's own: rename its folder."
  }
  validation {
    condition     = alltrue([for name in keys(var.web) : fileexists("${var.services_dir}/${replace(name, "-", "_")}/web.yaml") || fileexists("${var.services_dir}/${name}/web.yaml")])
    error_message = "A web function has a folder with a web.yaml in ${var.services_dir}: ${join(", ", keys(var.web))} has not."
  }
}

variable "router" {
  description = "The router in front of the web functions, by the ids of what there is already: VPC, certificate, secret of the control channel (see modules/router); null: none."
  type = object({
    vpc = object({
      id                 = string
      public_cidr_blocks = list(string)
      public_subnet_ids  = set(string)
      private_subnet_ids = set(string)
    })
    image_tag       = string
    certificate_arn = string
    control_secret = object({
      arn     = string
      key_arn = optional(string)
    })
    task = optional(object({
      cpu          = optional(number, 512)
      memory_mb    = optional(number, 1024)
      architecture = optional(string, "arm64")
      spot_percent = optional(number, 0)
    }), {})
    scaling = optional(object({
      minimum       = optional(number, 2)
      maximum       = optional(number, 4)
      cpu_percent   = optional(number, 60)
      queue_time_ms = optional(number, 250)
    }), {})
    timeouts = optional(object({
      queue_s    = optional(number, 10)
      response_s = optional(number, 30)
      idle_s     = optional(number, 60)
      drain_s    = optional(number, 45)
    }), {})
    client_cidrs       = optional(set(string), ["0.0.0.0/0", "::/0"])
    internal           = optional(bool, false)
    access_logs_bucket = optional(string)
    access_log         = optional(bool, false)
    error_rate_percent = optional(number, 5)
  })
  default = null

  validation {
    condition     = var.router == null || length(local.routed) > 0
    error_message = "A router needs a web function to serve: name one in web that is declared via: router, or leave the router out."
  }
}

variable "console" {
  description = "The console behind the router: the environment as commands name it, the console's name in DNS, the identity provider that people sign in with, and which of its groups have which role (see modules/console); null: none."
  type = object({
    environment  = string
    host         = string
    groups_claim = optional(string, "groups")
    person_claim = optional(string, "email")
    groups = object({
      observer     = optional(set(string), [])
      investigator = optional(set(string), [])
      operator     = optional(set(string), [])
    })
    oidc = object({
      issuer                 = string
      authorization_endpoint = string
      token_endpoint         = string
      user_info_endpoint     = string
      client_id              = string
      scope                  = optional(string, "openid email groups")
    })
  })
  default = null

  validation {
    condition     = var.console == null || var.router != null
    error_message = "The console is behind a router, whose load balancer people sign in at: set router, or run `fanout console`."
  }
  validation {
    condition     = var.console == null || var.console_client_secret != ""
    error_message = "The load balancer needs the client's secret with the identity provider: set TF_VAR_console_client_secret."
  }
  validation {
    condition     = var.console == null ? true : !contains([for function in var.web : function.route.host], var.console.host)
    error_message = "A web function serves the console's host: give the console a name of its own."
  }
}

variable "console_client_secret" {
  description = "The secret that the console's load balancer has with the identity provider. Terraform's state holds it."
  type        = string
  default     = ""
  sensitive   = true
  nullable    = false
}
