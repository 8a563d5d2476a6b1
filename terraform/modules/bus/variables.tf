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

variable "sources" {
  description = "The sources of the events that some worker subscribes to: each has a rule in modules/unmatched."
  type        = set(string)
}

variable "forwarded" {
  description = "The sources whose events modules/unmatched brings over from the account's default bus."
  type        = set(string)
  default     = []
}

variable "existing" {
  description = "A bus of this account and region that is there already, by its name, in place of one made here, the sources whose events the archive keeps of it, and whether modules/unmatched has a rule of sources that no worker subscribes to; null: none. Its policy is its owner's."
  type        = object({ name = string, archived = set(string), unknown = optional(bool, true) })
  default     = null
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

variable "archive_days" {
  description = "How long the archive keeps every event; 0 for ever, null for no archive."
  type        = number
  default     = 30

  validation {
    condition     = var.archive_days == null ? true : var.archive_days >= 0 && floor(var.archive_days) == var.archive_days
    error_message = "An archive keeps events for a whole number of days; 0 is for ever, null is no archive."
  }
}

variable "publishers" {
  description = "Who outside of this account may put events on the bus: an account's id or an organisation's (o-...), and the sources that it may name."
  type = list(object({
    principal = string
    sources   = set(string)
  }))
  default = []

  validation {
    condition     = alltrue([for it in var.publishers : can(regex("^([0-9]{12}|o-[a-z0-9]{10,32})$", it.principal))])
    error_message = "A publisher is an account's id of 12 digits or an organisation's, such as o-a1b2c3d4e5."
  }
  validation {
    condition     = alltrue([for it in var.publishers : length(it.sources) > 0 && !anytrue([for source in it.sources : startswith(source, "aws.") || startswith(source, "canary.")])])
    error_message = "A publisher needs the sources that it may name; those of AWS (aws.*) and of canaries (canary.*) nobody may."
  }
  validation {
    condition     = length(distinct(var.publishers[*].principal)) == length(var.publishers)
    error_message = "A publisher stands in the list once, with all its sources."
  }
  validation {
    condition     = var.existing == null || length(var.publishers) == 0
    error_message = "Who may put events on an existing bus is said by its owner's policy: leave the publishers out."
  }
}

variable "protect" {
  description = "Refuse every plan that would destroy what is stored or stuck here."
  type        = bool
  default     = false
}
