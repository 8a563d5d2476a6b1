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

variable "bus_name" {
  description = "The bus to take the events from."
  type        = string
}

variable "source_name" {
  description = "The domain: the source of its events, such as shop.orders."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9.-]{0,53}$", var.source_name))
    error_message = "An event source has 1 to 54 of a-z, 0-9, . and -, a letter first, so that rule names keep within EventBridge's 64 characters."
  }
  validation {
    condition     = var.source_name != "alarms"
    error_message = "The topic alarms belongs to the platform itself; choose another source."
  }
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

variable "bus_grants" {
  description = "How the rule may write to the topic: service (EventBridge in its own name) or role (an execution role of the domain's own)."
  type        = string
  default     = "service"

  validation {
    condition     = contains(["service", "role"], var.bus_grants)
    error_message = "bus_grants is service or role."
  }
}

variable "narrowed" {
  description = "What else the rule's pattern asks for, as JSON: of AWS's own events on the default bus, those of this deployment."
  type        = string
  default     = "{}"
}
