variable "deployment" {
  description = "What every name and ARN is made of."
  type = object({
    namespace  = string
    partition  = string
    region     = string
    account_id = string
  })
}

variable "bus_name" {
  description = "The bus."
  type        = string
}

variable "topics" {
  description = "The names of the domains' topics."
  type        = set(string)
}

variable "dead_letter_queues" {
  description = "The names of the queues, beside the workers' own, that are empty as long as all is well."
  type        = set(string)
}

variable "workers" {
  description = "What to watch of each worker, by its name; age_s: how long an event may be in the queue; error_percent: how many of its invocations may fail, where it says so itself; domains: the sources of its events; owner: whose its alarms are."
  type = map(object({
    queue              = string
    dead_letter_queues = list(string)
    function           = string
    log_group          = string
    age_s              = number
    domains            = list(string)
    error_percent      = optional(number)
    owner              = optional(string)
  }))
}

variable "own" {
  description = "The names of the workers whose alarms and dashboards are here; null: of all. The environment's dashboards show every worker."
  type        = set(string)
  default     = null
}

variable "shared" {
  description = "Whether what is nobody's alone is here: the alarm topic, the environment's dashboards, alarms and saved queries."
  type        = bool
  default     = true
}

variable "relays" {
  description = "The functions that publish from a stream: one when there is an outbox."
  type        = set(string)
  default     = []
}

variable "workflows" {
  description = "The workflows' state machines (ARN), by name."
  type        = map(string)
  default     = {}
}

variable "pipes" {
  description = "The pipes (by name) that take from queues which are not the platform's, by the source's name."
  type        = map(string)
  default     = {}
}

variable "emails" {
  description = "Whom the alarms write to; each address has to confirm."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for email in var.emails : can(regex("^[^@ ]+@[^@ ]+$", email))])
    error_message = "An alarm's e-mail address reads name@domain."
  }
}

variable "urls" {
  description = "What else the alarms call, by HTTPS: the integrations of an incident service, each of which has to confirm."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for url in var.urls : startswith(url, "https://")])
    error_message = "Alarms call by https:// alone."
  }
}

variable "actions" {
  description = "What else an alarm tells when it rings: topics (ARN) of other teams' or of a chat, at most four."
  type        = set(string)
  default     = []

  validation {
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html: five in all
    condition     = length(var.actions) <= 4 && alltrue([for arn in var.actions : can(regex("^arn:[a-z-]+:[a-z-]+:[a-z0-9-]*:[0-9]*:.+$", arn))])
    error_message = "An alarm has at most five actions, one of which is the environment's topic: name up to four others by their ARNs."
  }
}

variable "ok_actions" {
  description = "What an alarm tells when it is over: topics (ARN), at most five. []: nobody; null: the environment's topic, and actions."
  type        = set(string)
  default     = null

  validation {
    condition     = var.ok_actions == null ? true : length(var.ok_actions) <= 5 && alltrue([for arn in var.ok_actions : can(regex("^arn:[a-z-]+:[a-z-]+:[a-z0-9-]*:[0-9]*:.+$", arn))])
    error_message = "An alarm that is over has at most five actions: name them by their ARNs."
  }
}

variable "error_rate_percent" {
  description = "The share of a worker's invocations that may fail, in three of five minutes, before it is an alarm."
  type        = number
  default     = 5

  validation {
    condition     = var.error_rate_percent > 0 && var.error_rate_percent < 100
    error_message = "A share of failed invocations is over 0 and under 100 percent."
  }
}

variable "worker_dashboards" {
  description = "A dashboard for each worker beside that of the environment; AWS asks money for each."
  type        = bool
  default     = true
}

variable "log_queries" {
  description = "Save queries over the workers' logs; no emulator holds them."
  type        = bool
  default     = true
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
