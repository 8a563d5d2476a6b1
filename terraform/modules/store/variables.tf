variable "deployment" {
  description = "What every name and ARN is made of."
  type = object({
    namespace  = string
    partition  = string
    region     = string
    account_id = string
  })
}

variable "tables" {
  description = "The workers' tables by name: partition key and, if any, sort key; both are strings."
  type = map(object({
    key      = string
    sort_key = optional(string)
  }))
  default = {}

  validation {
    condition     = !contains(keys(var.tables), "idempotency")
    error_message = "The table idempotency belongs to the platform itself; choose another name."
  }
}

variable "buckets" {
  description = "The workers' buckets by name; events: publish the events of its objects to EventBridge."
  type        = map(object({ events = optional(bool, false) }))
  default     = {}

  validation {
    condition     = !contains(keys(var.buckets), "packages")
    error_message = "The bucket packages belongs to the platform itself; choose another name."
  }
}

variable "force_destroy" {
  description = "Let destroy remove tables, and buckets with what is in them."
  type        = bool
  default     = false
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
