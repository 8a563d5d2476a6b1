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

variable "bus" {
  description = "The bus."
  type        = object({ name = string, arn = string })
}

variable "queues" {
  description = "ARNs of the queues for what no worker subscribes to, and for what the rules here cannot deliver."
  type        = object({ unmatched = string, undelivered = string })
}

variable "subscribed" {
  description = "The names of the events that some worker subscribes to, by their source; every other event is unmatched."
  type        = map(set(string))
}

variable "counted" {
  description = "The sources whose events can be unmatched, where others put events on the bus too; null: every event of the bus."
  type        = set(string)
  default     = null

  validation {
    condition     = var.counted == null ? true : !anytrue([for source in var.counted : startswith(source, "aws.")])
    error_message = "The events of AWS services on a bus of others are everybody's: leave sources aws.* out."
  }
}

variable "forwarded" {
  description = "EventBridge pattern (JSON) of the events to bring from the account's default bus, by their source."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for source in keys(var.forwarded) : startswith(source, "aws.")])
    error_message = "Only the events of AWS services (sources aws.*) arrive on the default bus."
  }
}

variable "security" {
  description = "The ARN of the platform's own KMS key; null: keys of AWS."
  type        = object({ key_arn = optional(string) })
  default     = {}
}

variable "log_retention_days" {
  description = "How long CloudWatch keeps the log of the unmatched events."
  type        = number
  default     = 14
}
