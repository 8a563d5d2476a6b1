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

variable "bus_arn" {
  description = "The bus to publish on."
  type        = string
}

variable "dead_letter_queue" {
  description = "Where the events go that could not be put on the bus: the ARN of a standard queue."
  type        = string
}

variable "schedules" {
  description = "Events to publish by the clock, by the schedule's name: rate(...), cron(...) or at(...), and the event as <source>/<Name>."
  type = map(object({
    expression     = string
    timezone       = optional(string, "UTC")
    event          = string
    schema_version = optional(number, 1)
    data           = optional(map(string), {})
  }))
  default = {}

  validation {
    condition     = alltrue([for name in keys(var.schedules) : can(regex("^[a-z][a-z0-9-]{0,39}$", name))])
    error_message = "A schedule's name has 1 to 40 of a-z, 0-9 and -, a letter first."
  }
  validation {
    condition     = alltrue([for it in var.schedules : can(regex("^(rate|cron|at)\\(.+\\)$", it.expression))])
    error_message = "A schedule's expression reads rate(5 minutes), cron(0 6 * * ? *) or at(1997-01-01T06:00:00)."
  }
  validation {
    condition     = alltrue([for it in var.schedules : can(regex("^[a-z][a-z0-9.-]*/[A-Za-z][A-Za-z0-9 ]*$", it.event)) && !startswith(it.event, "aws.")])
    error_message = "A schedule's event reads <source>/<Name>, and is none of AWS's."
  }
}

variable "heartbeats" {
  description = "Aliases (ARN) of functions to keep warm, by worker."
  type        = map(string)
  default     = {}
}

variable "heartbeat_minutes" {
  description = "How long between two heartbeats of a worker; Lambda forgets an idle environment after some minutes."
  type        = number
  default     = 5

  validation {
    condition     = var.heartbeat_minutes >= 1 && var.heartbeat_minutes <= 60 && floor(var.heartbeat_minutes) == var.heartbeat_minutes
    error_message = "A heartbeat comes every 1 to 60 whole minutes."
  }
}

variable "canary" {
  description = "The function (ARN) that sends canaries, how often, and the workers that are paused on purpose; null: none."
  type = object({
    function = string
    every    = string
    paused   = optional(set(string), [])
  })
  default = null
}

variable "security" {
  description = "The alias of the platform's own KMS key, with which the dead-letter queue is encrypted; null: a key of AWS."
  type        = object({ key_alias = optional(string) })
  default     = {}
}
