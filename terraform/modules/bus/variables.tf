variable "deployment" {
  description = "What every name and ARN is made of."
  type = object({
    namespace  = string
    partition  = string
    region     = string
    account_id = string
  })
}

variable "subscribed" {
  description = "The names of the events that some worker subscribes to, by their source; every other event is unmatched."
  type        = map(set(string))
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
