# What may be chosen in every environment, in its terraform.tfvars or as TF_VAR_....

variable "owner" {
  description = "Who runs the environment: the tag `owner` of all that is no worker's own."
  type        = string
  default     = "platform"

  validation {
    condition     = can(regex("^[A-Za-z0-9 _.:/=+@-]{1,256}$", var.owner))
    error_message = "owner: a tag's value has 1 to 256 letters, digits, blanks and _.:/=+-@ (as platform or payments@example.com)."
  }
}

variable "tags" {
  description = "Further tags of everything that can have tags, such as a cost centre."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.tags) : !contains(["project", "environment", "owner"], name) && !startswith(lower(name), "aws:")])
    error_message = "tags: project and environment are set already, owner is a variable of its own, and aws: belongs to AWS; choose other names than ${join(", ", keys(var.tags))}."
  }
}

variable "permissions_boundary" {
  description = "The policy (ARN) that bounds every role made here; null: none."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary == null ? true : can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/.+$", var.permissions_boundary))
    error_message = "permissions_boundary: name the policy by its ARN, arn:aws:iam::<account>:policy/<name>."
  }
}

variable "role_path" {
  description = "The path of every role made here, as /fanout/; another path replaces the roles."
  type        = string
  default     = "/"

  validation {
    condition     = can(regex("^/([!-.0-~]+/)*$", var.role_path)) && length(var.role_path) <= 512
    error_message = "role_path: begin and end it with /, as /fanout/, in at most 512 characters."
  }
}

variable "code_signing_config" {
  description = "The code signing configuration (ARN) of every function; `make build` signs nothing. null: none."
  type        = string
  default     = null

  validation {
    condition     = var.code_signing_config == null ? true : can(regex("^arn:[a-z-]+:lambda:[a-z0-9-]+:[0-9]{12}:code-signing-config:csc-[a-z0-9]{17}$", var.code_signing_config))
    error_message = "code_signing_config: name it by its ARN, arn:aws:lambda:<region>:<account>:code-signing-config:csc-<17 characters>."
  }
}

variable "kms_key_arn" {
  description = "An existing key (ARN) of this account and region, in place of one of the platform's own: it gets the alias alias/<namespace>, its policy is its owner's, and `fanout check-plan` says what has to be in it. null: as main.tf says by customer_managed_key."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null ? true : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[a-zA-Z0-9-]+$", var.kms_key_arn))
    error_message = "kms_key_arn: name the key by its ARN, arn:aws:kms:<region>:<account>:key/<id>, not by an alias."
  }
}

variable "event_bus_name" {
  description = "An existing event bus (name) of this account and region, in place of one made here, as default: its policy is its owner's, and other teams' events on it are let alone. Empty: the environment makes a bus of its own."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = !startswith(var.event_bus_name, "arn:")
    error_message = "event_bus_name: give the bus's name, not its ARN; a bus in another account or region is reached by forwarding: docs/how-to/send-events-elsewhere.md."
  }
  validation {
    condition     = startswith(var.event_bus_name, "arn:") || can(regex("^[A-Za-z0-9._-]{0,256}$", var.event_bus_name))
    error_message = "event_bus_name: a bus's name has letters, digits and ._- (as default or shared-events); a partner's bus, with a / in its name, takes no events of ours."
  }
  validation {
    condition     = var.event_bus_name == "" || length(var.publishers) == 0
    error_message = "event_bus_name: who may put events on an existing bus is said by its owner's policy: leave publishers empty, and have them let in there."
  }
}

variable "vpc" {
  description = "The subnets and security groups of the workers' functions; null: no VPC."
  type = object({
    subnet_ids         = set(string)
    security_group_ids = set(string)
  })
  default = null

  validation {
    condition     = var.vpc == null ? true : alltrue([for id in var.vpc.subnet_ids : startswith(id, "subnet-")]) && alltrue([for id in var.vpc.security_group_ids : startswith(id, "sg-")]) && length(var.vpc.subnet_ids) > 0 && length(var.vpc.security_group_ids) > 0
    error_message = "vpc: give subnet_ids (subnet-...) and security_group_ids (sg-...), one of each at least."
  }
}

variable "vpcs" {
  description = "Further placements by name, for workers whose function.vpc names one in place of vpc."
  type = map(object({
    subnet_ids         = set(string)
    security_group_ids = set(string)
  }))
  default = {}

  validation {
    condition = alltrue([
      for it in var.vpcs : length(it.subnet_ids) > 0 && length(it.security_group_ids) > 0
      && alltrue([for id in it.subnet_ids : startswith(id, "subnet-")]) && alltrue([for id in it.security_group_ids : startswith(id, "sg-")])
    ])
    error_message = "vpcs: give each placement subnet_ids (subnet-...) and security_group_ids (sg-...), one of each at least."
  }
}

variable "alarm_emails" {
  description = "Whom alarms write to; each address has to confirm."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for email in var.alarm_emails : can(regex("^[^@ ]+@[^@ ]+$", email))])
    error_message = "alarm_emails: an address reads name@domain."
  }
}

variable "alarm_urls" {
  description = "What else alarms call, by HTTPS: the integrations of an incident service; each has to confirm."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for url in var.alarm_urls : startswith(url, "https://")])
    error_message = "alarm_urls: alarms call by https:// alone."
  }
}

variable "alarm_actions" {
  description = "What else alarms tell when they ring, and, without ok_actions, when they are over: topics (ARN) of other teams or of a chat, at most four."
  type        = set(string)
  default     = []

  validation {
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html: five in all
    condition     = length(var.alarm_actions) <= 4 && alltrue([for arn in var.alarm_actions : can(regex("^arn:[a-z-]+:[a-z-]+:[a-z0-9-]*:[0-9]*:.+$", arn))])
    error_message = "alarm_actions: name up to four by their ARNs, as arn:aws:sns:<region>:<account>:<topic>; the fifth is the environment's own topic."
  }
}

variable "ok_actions" {
  description = "What alarms tell when they are over: topics (ARN), at most five, the environment's own only where it is named. []: nobody; null: all that they tell when they ring."
  type        = set(string)
  default     = null

  validation {
    condition     = var.ok_actions == null ? true : length(var.ok_actions) <= 5 && alltrue([for arn in var.ok_actions : can(regex("^arn:[a-z-]+:[a-z-]+:[a-z0-9-]*:[0-9]*:.+$", arn))])
    error_message = "ok_actions: name up to five by their ARNs, as arn:aws:sns:<region>:<account>:<topic>; leave it out for those of the alarms."
  }
}

variable "publishers" {
  description = "Who outside of this account may put events on the bus: an account's id or an organisation's (o-...), and the sources that it may name."
  type = list(object({
    principal = string
    sources   = set(string)
  }))
  default = []
}

variable "bus_grants" {
  description = "How the bus may write to the domains' topics, service or role: see modules/topic."
  type        = string
  default     = "service"
}

variable "canary" {
  description = "Canaries by the clock, as { every = \"rate(15 minutes)\" }, see modules/platform; null: none."
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
