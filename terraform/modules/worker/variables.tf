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
  description = "The worker's name."
  type        = string
}

variable "manifest" {
  description = "What the worker's worker.yaml declares, with every default filled in."
  type = object({
    description = string
    owner       = optional(string)
    function = object({
      memory_mb               = number
      timeout_s               = number
      architecture            = string
      reserved_concurrency    = optional(number)
      provisioned_concurrency = number
      ephemeral_storage_mb    = optional(number, 512)
      snap_start              = optional(bool, false)
      tracing                 = optional(string, "passthrough")
    })
    batch = object({
      size            = number
      window_s        = number
      max_concurrency = optional(number)
    })
    queue = object({
      fifo           = bool
      retention_days = number
      max_receives   = number
      backstop       = number
      visibility_s   = number
    })
    idempotency = optional(object({
      mode = string
    }), { mode = "strict" })
    gathers  = optional(bool, false)
    parts_of = optional(list(string), [])

    powertools = optional(bool, false)
    scaling = optional(object({
      max                 = optional(number)
      utilization_percent = optional(number, 70)
    }), {})
    scaling_schedule = optional(map(object({
      expression = string
      timezone   = optional(string, "UTC")
      min        = number
      max        = number
    })), {})
  })

  validation {
    condition     = var.manifest.function.provisioned_concurrency > 0 || (var.manifest.scaling.max == null && length(var.manifest.scaling_schedule) == 0)
    error_message = "What is scaled is provisioned concurrency: declare function.provisioned_concurrency."
  }
  validation {
    condition = alltrue([
      for most in concat(var.manifest.scaling.max == null ? [] : [var.manifest.scaling.max], [for it in var.manifest.scaling_schedule : it.max]) :
      var.manifest.function.reserved_concurrency == null ? true : most <= var.manifest.function.reserved_concurrency
    ])
    error_message = "Provisioned concurrency is part of function.reserved_concurrency: it cannot be scaled over that."
  }
  validation {
    # https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html
    condition     = !var.manifest.function.snap_start || (var.manifest.function.provisioned_concurrency == 0 && var.manifest.function.ephemeral_storage_mb <= 512)
    error_message = "Lambda takes SnapStart neither with provisioned concurrency nor with an ephemeral storage over 512 MB: leave one out."
  }
  validation {
    condition     = !var.manifest.function.snap_start || !contains(["python3.8", "python3.9", "python3.10", "python3.11"], var.package.runtime)
    error_message = "Lambda takes SnapStart from Python 3.12 on: leave function.snap_start out, or build for a later Python than ${var.package.runtime}."
  }
}

variable "autoscaling" {
  description = "Let provisioned concurrency be scaled as worker.yaml says; an emulator without Application Auto Scaling needs false."
  type        = bool
  default     = true
}

variable "traffic_in_steps" {
  description = "Leave the alias where it is when a version is published: `make deploy` moves it step by step."
  type        = bool
  default     = false
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

variable "environment" {
  description = "Environment variables of the function beside those that every worker has."
  type        = map(string)
  default     = {}
}

variable "bus" {
  description = "The bus; publishes: which events (<source>/<Name>) the worker may put on it."
  type = object({
    name      = string
    arn       = string
    publishes = list(string)
  })
}

variable "filter_policies" {
  description = "The SNS filter policies (JSON, scope MessageBody) by the source of the topic to subscribe to."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(var.filter_policies) == 0 || !var.manifest.queue.fifo
    error_message = "A standard SNS topic cannot deliver to a FIFO queue."
  }
}

# Apart from the filter policies, so that the queues need not wait for the topics.
variable "topic_arns" {
  description = "The topics by source; only those with a filter policy are subscribed to."
  type        = map(string)
  default     = {}
}

variable "rules" {
  description = "The rules straight from the bus to the worker's queue: EventBridge pattern (JSON) by the event's name."
  type        = map(string)
  default     = {}

  validation {
    condition     = (length(var.rules) == 0) != (length(var.filter_policies) == 0)
    error_message = "A worker has its events either from topics or by rules of its own."
  }
  validation {
    # jsonencode writes <, > and & as six characters; the provider sends the single characters.
    condition     = alltrue([for pattern in values(var.rules) : length(replace(pattern, "/\\\\u00(3c|3e|26)/", "_")) <= 2048])
    error_message = "An EventBridge pattern has at most 2,048 characters: shorten a where."
  }
}

variable "force_destroy" {
  description = "Whether the worker's own tables may be destroyed with what is in them."
  type        = bool
  default     = false
}

variable "claims_bucket" {
  description = "The bucket of the data of large events, which every worker may read."
  type = object({
    name = string
    arn  = string
  })
}

variable "outbox_table" {
  description = "The table that the worker writes events to in its own transactions; null when it has no outbox."
  type = object({
    name = string
    arn  = string
  })
  default = null
}

variable "permissions" {
  description = "What the worker's role may do beside what its queue, bus and idempotency need."
  type = list(object({
    actions   = list(string)
    resources = list(string)
  }))
  default = []
}

variable "parameters" {
  description = "SSM parameters that the worker may read, by its own names for them: see modules/configuration."
  type        = map(string)
  default     = {}
}

variable "secrets" {
  description = "Secrets that the worker may read, by its own names for them: see modules/configuration."
  type        = map(string)
  default     = {}
}

variable "log_retention_days" {
  description = "How long CloudWatch keeps the function's logs."
  type        = number
  default     = 14
}

variable "iam_dialect" {
  description = "How an emulator's IAM differs from AWS's: further names of actions, and which of those have no resource."
  type = object({
    aliases  = optional(map(list(string)), {})
    unscoped = optional(set(string), [])
  })
  default = {}
}

variable "security" {
  description = "The platform's own KMS key (alias and ARN; null: keys of AWS), and whether queues, topics and buckets refuse calls without TLS."
  type = object({
    key_alias = optional(string)
    key_arn   = optional(string)
    tls_only  = optional(bool, true)
  })
  default = {}
}

variable "protect" {
  description = "Refuse every plan that would destroy what is stored or stuck here."
  type        = bool
  default     = false
}

variable "vpc" {
  description = "The subnets and security groups of the functions, which then reach AWS by the VPC's endpoints or NAT only; null: no VPC."
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
