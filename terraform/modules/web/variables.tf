variable "deployment" {
  description = "What every name and ARN is made of."
  type = object({
    namespace            = string
    partition            = string
    region               = string
    account_id           = string
    permissions_boundary = optional(string)
    role_path            = optional(string, "/")
    code_signing_config  = optional(string)
  })
}

variable "name" {
  description = "The web function's name."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,19}$", var.name))
    error_message = "A web function's name has 1 to 20 of a-z, 0-9 and -, a letter first."
  }
}

variable "description" {
  description = "What it serves."
  type        = string
  default     = "Web function"
}

variable "package" {
  description = "The function's code: an object in S3, what it is run by, and the layers (ARNs) beneath it."
  type = object({
    bucket       = string
    key          = string
    hash         = string
    handler      = string
    runtime      = string
    architecture = string
    layers       = list(string)
  })
}

variable "memory_mb" {
  description = "The function's memory; CPU comes with it."
  type        = number
  default     = 1024

  validation {
    condition     = var.memory_mb >= 128 && var.memory_mb <= 10240
    error_message = "A function has 128 to 10240 MB."
  }
}

variable "via" {
  description = "How requests reach the function: through a router, by a function URL, or by an HTTP API."
  type        = string
  default     = "router"

  validation {
    condition     = contains(["router", "url", "http_api"], var.via)
    error_message = "A web function is reached via router, url or http_api."
  }
}

variable "url" {
  description = "The function URL of `via = url`: who may call (iam or none), and whether an answer is sent while it is made."
  type = object({
    auth      = optional(string, "iam")
    streaming = optional(bool, false)
  })
  default = {}

  validation {
    condition     = contains(["iam", "none"], var.url.auth)
    error_message = "A function URL is open to those whom IAM allows (iam) or to everybody (none)."
  }
}

variable "http_api" {
  description = "The HTTP API of `via = http_api`: who may call (jwt or none), whose tokens it takes, and how many requests a second."
  type = object({
    auth = optional(string, "jwt")
    jwt = optional(object({
      issuer   = string
      audience = list(string)
    }))
    rate  = optional(number, 100)
    burst = optional(number, 200)
  })
  default = {}

  validation {
    condition     = var.via != "http_api" || (var.http_api.auth == "jwt" && var.http_api.jwt != null) || (var.http_api.auth == "none" && var.http_api.jwt == null)
    error_message = "An HTTP API takes tokens (jwt), and is told whose, or lets everybody call (none)."
  }
  validation {
    condition     = var.http_api.jwt == null ? true : startswith(var.http_api.jwt.issuer, "https://") && length(var.http_api.jwt.audience) > 0
    error_message = "Tokens have an issuer, which is an https:// address, and at least one audience."
  }
  validation {
    condition     = var.http_api.rate >= 1 && var.http_api.burst >= 1
    error_message = "An HTTP API that takes no request a second, or none at once, answers 429 to all."
  }
}

variable "alarm_actions" {
  description = "What else an alarm tells (ARN) when it rings."
  type        = set(string)
  default     = []
}

variable "ok_actions" {
  description = "What an alarm tells (ARN) when it is over; null: the topic, and alarm_actions."
  type        = set(string)
  default     = null
}

variable "alarm_topic" {
  description = "ARN of the topic that alarms speak to; a function behind a router has no alarm of its own."
  type        = string
  default     = null

  validation {
    condition     = var.via == "router" || var.alarm_topic != null
    error_message = "Somebody has to be told when requests fail: give the ARN of the alarms' topic."
  }
}

variable "error_rate_percent" {
  description = "The share of requests that may be answered with 5xx, in three of five minutes, before it is an alarm."
  type        = number
  default     = 5

  validation {
    condition     = var.error_rate_percent > 0 && var.error_rate_percent < 100
    error_message = "A share of failed requests is over 0 and under 100 percent."
  }
}

variable "timeout_s" {
  description = "Via a router: how long an environment lives, which is replaced before that; else how long a request may take."
  type        = number
  default     = 900

  validation {
    condition     = var.via == "router" ? var.timeout_s >= 60 && var.timeout_s <= 900 : true
    error_message = "An environment is drained 30 s before its function's timeout: timeout_s is 60 to 900."
  }
  validation {
    condition     = var.timeout_s >= 1 && var.timeout_s <= (var.via == "http_api" ? 30 : 900)
    error_message = "A request has 15 minutes at most, and 30 s by way of an HTTP API."
  }
}

variable "reserved_concurrency" {
  description = "Environments that there may be at a time; null: the account's pool."
  type        = number
  default     = null

  validation {
    condition     = var.reserved_concurrency == null ? true : var.reserved_concurrency >= 1 && var.reserved_concurrency <= 1000
    error_message = "reserved_concurrency is 1 to 1000, or null."
  }
}

variable "environment" {
  description = "Environment variables of the function beside its own."
  type        = map(string)
  default     = {}
}

variable "publishes" {
  description = "Which events (<source>/<Name>) the app may put on the bus."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.publishes) == 0 || (var.bus != null && var.claims_bucket != null)
    error_message = "An app that publishes needs the bus and the bucket of the data of large events."
  }
}

variable "bus" {
  description = "The bus; null for an app that does not publish."
  type        = object({ name = string, arn = string })
  default     = null
}

variable "claims_bucket" {
  description = "The bucket of the data of large events; null for an app that does not publish."
  type        = object({ name = string, arn = string })
  default     = null
}

variable "parameters" {
  description = "SSM parameters that the app may read, by its own names for them: see modules/configuration."
  type        = map(string)
  default     = {}
}

variable "secrets" {
  description = "Secrets that the app may read, by its own names for them: see modules/configuration."
  type        = map(string)
  default     = {}
}

variable "permissions" {
  description = "What else the function's role may do."
  type = list(object({
    actions   = list(string)
    resources = list(string)
  }))
  default = []
}

variable "vpc" {
  description = "The subnets and security groups of the function: those by which it reaches its router; null: no VPC."
  type = object({
    subnet_ids         = set(string)
    security_group_ids = set(string)
  })
  default = null

  validation {
    condition     = var.vpc == null ? true : length(var.vpc.subnet_ids) > 0 && length(var.vpc.security_group_ids) > 0
    error_message = "A VPC needs at least one subnet and one security group."
  }
}

variable "log_retention_days" {
  description = "How long CloudWatch keeps the function's logs."
  type        = number
  default     = 14
}

variable "security" {
  description = "The platform's own KMS key (alias and ARN; null: keys of AWS)."
  type = object({
    key_alias = optional(string)
    key_arn   = optional(string)
  })
  default = {}
}
