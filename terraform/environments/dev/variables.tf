variable "account_id" {
  description = "The AWS account that this environment is in: credentials for another one are refused."
  type        = string
}

variable "namespace" {
  description = "First part of every name; null: fanout-dev and the region, as in fanout-dev-euc1."
  type        = string
  default     = null
}

variable "alarm_emails" {
  description = "Whom alarms write to; each address has to confirm."
  type        = set(string)
  default     = []
}

variable "alarm_urls" {
  description = "What else alarms call, by HTTPS: the integrations of an incident service; each has to confirm."
  type        = set(string)
  default     = []
}

variable "permissions_boundary" {
  description = "The policy (ARN) that bounds every role made here; null: none."
  type        = string
  default     = null
}

variable "bus_grants" {
  description = "How the bus may write to the domains' topics, service or role: see docs/how-to/first-deploy.md."
  type        = string
  default     = "service"
}

variable "canary" {
  description = "Canaries by the clock, as { every = \"rate(15 minutes)\" }: see docs/how-to/prove-a-deployment.md; null: none."
  type = object({
    every   = string
    limit_s = optional(number, 60)
    paused  = optional(set(string), [])
  })
  default = null
}

variable "stacks" {
  description = "Whether this environment is deployed by stacks, each with a state and a lock of its own, rather than whole."
  type        = bool
  default     = false
}

variable "held_events" {
  description = "Events that count as unmatched until their worker is there: `fanout deploy` says so between two steps."
  type        = set(string)
  default     = []
}
