variable "deployment" {
  description = "What every name and ARN is made of."
  type = object({
    namespace            = string
    partition            = string
    region               = string
    account_id           = string
    permissions_boundary = optional(string)
    role_path            = optional(string, "/")
  })
}

variable "security" {
  description = "The platform's own KMS key (alias; null: keys of AWS), and whether queues refuse calls without TLS."
  type = object({
    key_alias = optional(string)
    tls_only  = optional(bool, true)
  })
  default = {}
}

variable "protect" {
  description = "Refuse every plan that would destroy what is stuck here."
  type        = bool
  default     = false
}

variable "name" {
  description = "What the destination is called."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,27}$", var.name))
    error_message = "A destination's name is of a-z, 0-9 and -, a letter first, at most 28 characters."
  }
}

variable "bus_name" {
  description = "The bus that the events are on."
  type        = string
}

variable "bus" {
  description = "The bus (ARN) that gets them, whose policy has to let this account put events; null where an api does."
  type        = string
  default     = null

  validation {
    condition     = (var.bus == null) != (var.api == null)
    error_message = "A destination is either a bus or an api: name one."
  }
  validation {
    condition     = var.bus == null ? true : can(regex("^arn:[a-z-]+:events:[a-z0-9-]+:[0-9]{12}:event-bus/[A-Za-z0-9/._-]+$", var.bus))
    error_message = "A bus elsewhere is named by its ARN, arn:aws:events:<region>:<account>:event-bus/<name>."
  }
}

variable "api" {
  description = "The API that gets them: url, method, rate (requests a second, at most), connection (ARN, made beside Terraform: it holds the secret), transform (paths: JSONPath by name; template: the body, with <name> for what is there; null: the event as it is)."
  type = object({
    url        = string
    connection = string
    method     = optional(string, "POST")
    rate       = optional(number, 50)
    transform = optional(object({
      paths    = optional(map(string), {})
      template = string
    }))
  })
  default = null

  # Bounds: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateApiDestination.html
  validation {
    condition     = try(var.api == null || (can(regex("^https://[^*]+$", var.api.url)) && length(var.api.url) <= 2048), true)
    error_message = "An API is called by https:// alone, at one URL without * and of at most 2,048 characters."
  }
  validation {
    condition     = try(var.api == null || contains(["DELETE", "PATCH", "POST", "PUT"], var.api.method), true)
    error_message = "An API's method is POST, PUT, PATCH or DELETE."
  }
  validation {
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
    condition     = try(var.api == null || (var.api.rate >= 1 && var.api.rate <= 300 && floor(var.api.rate) == var.api.rate), true)
    error_message = "An API's rate is 1 to 300 whole requests a second."
  }
  validation {
    # An emulator's account is no one's: there, check-plan plans what is declared for an account of AWS.
    condition     = try(var.api == null || can(regex("^arn:${var.deployment.account_id == "000000000000" ? "[a-z-]+:events:[a-z0-9-]+:[0-9]{12}" : "${var.deployment.partition}:events:${var.deployment.region}:${var.deployment.account_id}"}:connection/[.A-Za-z0-9_-]+/[-A-Za-z0-9]+$", var.api.connection)), true)
    error_message = "An API's connection is named by its ARN, arn:${var.deployment.partition}:events:${var.deployment.region}:${var.deployment.account_id}:connection/<name>/<id>: EventBridge takes none of another account or Region."
  }
  # https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_InputTransformer.html
  validation {
    condition = try(var.api.transform, null) == null ? true : (
      length(var.api.transform.paths) <= 100
      && length(var.api.transform.template) >= 1 && length(var.api.transform.template) <= 8192
      && alltrue([for name, path in var.api.transform.paths : can(regex("^[A-Za-z0-9_-]{1,256}$", name)) && !startswith(lower(name), "aws") && can(regex("^\\$\\..{1,254}$", path))])
    )
    error_message = "A transform has up to 100 paths, as order = \"$.detail.data.order_id\", by names that do not begin with AWS, and a template of up to 8,192 characters."
  }
  validation {
    condition = try(var.api.transform, null) == null ? true : alltrue([
      for name in flatten(regexall("<([A-Za-z0-9_.-]+)>", var.api.transform.template)) :
      contains(keys(var.api.transform.paths), name) || startswith(name, "aws.events.")
    ])
    error_message = "A transform's template names what is among its paths, or <aws.events...>: ${join(", ", [for name in try(flatten(regexall("<([A-Za-z0-9_.-]+)>", var.api.transform.template)), []) : name if !contains(keys(try(var.api.transform.paths, {})), name) && !startswith(name, "aws.events.")])} is not."
  }
}

variable "events" {
  description = "The events that it gets, <source>/<Name>."
  type        = set(string)

  validation {
    condition     = length(var.events) > 0
    error_message = "A destination gets at least one event: name them."
  }
}

variable "where" {
  description = "An EventBridge pattern (JSON) over the events' data; null: all of them."
  type        = string
  default     = null
}
