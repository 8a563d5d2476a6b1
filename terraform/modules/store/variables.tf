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
    condition     = length(setintersection(keys(var.tables), ["gather", "idempotency"])) == 0
    error_message = "The tables gather and idempotency belong to the platform itself; choose another name."
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
