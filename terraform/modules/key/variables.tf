variable "deployment" {
  description = "What every name and ARN is made of."
  type = object({
    namespace  = string
    partition  = string
    region     = string
    account_id = string
  })
}

variable "bus_grants" {
  description = "How a domain's rule may write to its topic: see modules/topic. With a role, the service itself needs no key for topics."
  type        = string
  default     = "service"
}

variable "protect" {
  description = "Refuse every plan that would destroy the key."
  type        = bool
  default     = false
}

variable "existing" {
  description = "A key (ARN) of this account and region to use in place of a new one: it gets an alias, and is otherwise left alone; null: a key is made."
  type        = string
  default     = null
}

variable "encrypts_bus" {
  description = "Whether the bus is encrypted with it; an existing bus is its owner's to encrypt."
  type        = bool
  default     = true
}
