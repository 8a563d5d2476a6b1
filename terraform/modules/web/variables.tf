variable "deployment" {
  description = "What every name and ARN is made of."
  type = object({
    namespace  = string
    partition  = string
    region     = string
    account_id = string
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

variable "timeout_s" {
  description = "How long an environment lives; its router replaces it before that."
  type        = number
  default     = 900

  validation {
    condition     = var.timeout_s >= 60 && var.timeout_s <= 900
    error_message = "An environment is drained 30 s before its function's timeout: timeout_s is 60 to 900."
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
  description = "Whether the app may put events on the bus."
  type        = bool
  default     = false

  validation {
    condition     = !var.publishes || (var.bus != null && var.claims_bucket != null)
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
