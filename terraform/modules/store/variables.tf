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
  description = "The workers' tables by name: partition key and, if any, sort key, both strings; the attribute with the time at which an item may go; indexes as KEY or KEY/SORT_KEY; owner: the team in its tag."
  type = map(object({
    key      = string
    sort_key = optional(string)
    ttl      = optional(string)
    indexes  = optional(map(string), {})
    owner    = optional(string)
  }))
  default = {}

  validation {
    condition     = length(setintersection(keys(var.tables), ["gather", "idempotency", "operations", "outbox"])) == 0
    error_message = "The tables gather, idempotency, operations and outbox belong to the platform itself; choose another name."
  }
}

variable "buckets" {
  description = "The workers' buckets by name; events: publish the events of its objects to EventBridge; versioned: keep what is written over for 30 days; expire_days: how long an object is kept; owner: the team in its tag."
  type = map(object({
    events      = optional(bool, false)
    versioned   = optional(bool, false)
    expire_days = optional(number)
    owner       = optional(string)
  }))
  default = {}

  validation {
    condition     = length(setintersection(keys(var.buckets), ["claims", "packages"])) == 0
    error_message = "The buckets claims and packages belong to the platform itself; choose another name."
  }
}

variable "claims" {
  description = "Whether the bucket of the data of large events is here, too."
  type        = bool
  default     = true
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

variable "claims_retention_days" {
  description = "How long the data of large events are kept: no shorter than the events themselves."
  type        = number
  default     = 30

  validation {
    condition     = var.claims_retention_days >= 28 && floor(var.claims_retention_days) == var.claims_retention_days
    error_message = "An event may lie in a queue for 14 days and in a DLQ for 14 more: keep its data for 28 whole days at least, or as long as the archive keeps events."
  }
}
