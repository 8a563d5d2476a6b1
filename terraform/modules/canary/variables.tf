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

variable "every" {
  description = "How often it runs, in Scheduler's words: rate(15 minutes)."
  type        = string

  validation {
    condition     = can(regex("^rate\\(([5-9]|[1-9][0-9]+) minutes\\)$|^rate\\((1 hour|[2-8] hours)\\)$", var.every))
    error_message = "A canary runs every 5 minutes to 8 hours, written rate(15 minutes), rate(1 hour) or rate(2 hours): an alarm can look back over a day at most."
  }
}

variable "limit_s" {
  description = "For a canary from end to end, beside its worker's batch window, with cold starts."
  type        = number
  default     = 60

  validation {
    condition     = var.limit_s >= 1 && var.limit_s <= 300
    error_message = "A canary has 1 to 300 s from end to end."
  }
}

variable "workers" {
  description = "The batch window of each worker in seconds, by name."
  type        = map(number)
}

variable "sources" {
  description = "The sources of events that have a topic."
  type        = set(string)
}

variable "event_buckets" {
  description = "The names in AWS of the buckets whose events come to the bus."
  type        = set(string)
}

variable "bus_arn" {
  description = "The bus that the canaries go to."
  type        = string
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
  description = "ARN of the topic that the alarms speak to."
  type        = string
}

variable "environment" {
  description = "Environment variables of the function beside its own."
  type        = map(string)
  default     = {}
}

variable "security" {
  description = "The platform's own KMS key, with which queues, buckets and logs are encrypted (alias and ARN; null: keys of AWS)."
  type = object({
    key_alias = optional(string)
    key_arn   = optional(string)
  })
  default = {}
}

variable "log_retention_days" {
  description = "How long CloudWatch keeps the function's logs."
  type        = number
  default     = 14
}

variable "iam_dialect" {
  description = "How an emulator's IAM differs from AWS's: further names of actions, which of those have no resource, and whether it asks for a function without its version."
  type = object({
    aliases     = optional(map(list(string)), {})
    unscoped    = optional(set(string), [])
    unqualified = optional(bool, false)
  })
  default = {}
}
