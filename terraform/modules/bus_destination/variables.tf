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
  description = "The bus (ARN) that gets them; its policy has to let this account put events."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:events:[a-z0-9-]+:[0-9]{12}:event-bus/[A-Za-z0-9/._-]+$", var.bus))
    error_message = "A bus elsewhere is named by its ARN, arn:aws:events:<region>:<account>:event-bus/<name>."
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
