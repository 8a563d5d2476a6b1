variable "namespace" {
  description = "First part of every name: fanout-<environment>."
  type        = string

  validation {
    # A bucket's name has at most 63 characters: namespace, a name of 29, the account's 12 digits and two hyphens.
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.namespace))
    error_message = "The namespace has 3 to 20 of a-z, 0-9 and -, a letter first and no hyphen last."
  }
}

variable "stack" {
  description = "The stack that this state holds: platform, edge, or the name of a worker; null: the whole deployment (stack.tf)."
  type        = string
  default     = null
}

variable "held_events" {
  description = "Events (SOURCE/NAME) that count as unmatched for now although a worker subscribes to them, because its routes are not there yet; `fanout deploy` says so between two steps."
  type        = set(string)
  default     = []
}

variable "services_dir" {
  description = "The directory with a folder per worker."
  type        = string
}

variable "contracts_dir" {
  description = "The directory with the event contracts' JSON Schemas: <source>/<Name>.v<version>.json."
  type        = string
}

variable "packages_dir" {
  description = "The directory with the functions' packages, as `make build` writes them for one target."
  type        = string
}

variable "function_environment" {
  description = "Environment variables that every function gets besides its own, such as an emulator's endpoints."
  type        = map(string)
  default     = {}
}

variable "create_email_identities" {
  description = "Create the SES identities that workers send from. For emulators: on AWS an identity belongs to the account and region, and one environment would take it from another."
  type        = bool
  default     = false
}

variable "force_destroy" {
  description = "Let destroy remove tables, and buckets with what is in them."
  type        = bool
  default     = false
}

variable "log_retention_days" {
  description = "How long CloudWatch keeps the functions' logs."
  type        = number
  default     = 14
}

variable "claims_retention_days" {
  description = "How long S3 keeps the data of events that were too large for their way."
  type        = number
  default     = 30

  validation {
    condition     = var.claims_retention_days >= coalesce(var.archive_days, 0)
    error_message = "The archive would replay events whose data are gone: keep claims for archive_days (${coalesce(var.archive_days, 0)}) at least, and 28 days more for what then waits in queue and DLQ."
  }
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

variable "observability" {
  description = "Whom alarms write to, when they ring for failed invocations, and what there is to look at: see modules/observability."
  type = object({
    alarm_emails       = optional(set(string), [])
    alarm_urls         = optional(set(string), [])
    alarm_actions      = optional(set(string), [])
    ok_actions         = optional(set(string))
    error_rate_percent = optional(number, 5)
    worker_dashboards  = optional(bool, true)
    log_queries        = optional(bool, true)
  })
  default = {}
}

variable "traces" {
  description = "Where the workers' spans are sent as they are logged, OTLP/HTTP, and the secret of the header fields; without an endpoint nowhere: see modules/traces."
  type = object({
    endpoint       = optional(string)
    headers_secret = optional(string)
  })
  default = {}
}

variable "customer_managed_key" {
  description = "Encrypt bus, topics, queues, tables, buckets and logs with a KMS key of the platform's own; else with keys of AWS."
  type        = bool
  default     = false
}

variable "kms_key_arn" {
  description = "An existing key (ARN) of this account and region, in place of one of the platform's own: it gets the alias alias/<namespace>, its policy is its owner's, and `fanout check-plan` says what has to be in it. null: as customer_managed_key says."
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

variable "bus_grants" {
  description = "How the bus may write to the domains' topics: service (in EventBridge's own name, which holds under every text of AWS's) or role (an execution role per domain, nothing for the service); see modules/topic."
  type        = string
  default     = "service"

  validation {
    condition     = contains(["service", "role"], var.bus_grants)
    error_message = "bus_grants is service or role."
  }
}

variable "tls_only" {
  description = "Let queues, topics and buckets refuse calls without TLS; an emulator on plain HTTP needs false."
  type        = bool
  default     = true
}

variable "archive_days" {
  description = "How long the bus's archive keeps every event; 0 for ever, null for no archive."
  type        = number
  default     = 30
}

variable "publishers" {
  description = "Who outside of this account may put events on the bus: an account's id or an organisation's (o-...), and the sources that it may name."
  type = list(object({
    principal = string
    sources   = set(string)
  }))
  default = []
}

variable "protect" {
  description = "Refuse every plan that would destroy a table, a bucket, the archive or a queue where events may be stuck."
  type        = bool
  default     = false

  validation {
    condition     = !(var.protect && var.force_destroy)
    error_message = "What is protected cannot be destroyed by force: set protect or force_destroy, not both."
  }
}

variable "vpc" {
  description = "The subnets and security groups of the workers' functions, which then reach AWS by the VPC's endpoints or NAT only; null: no VPC."
  type = object({
    subnet_ids         = set(string)
    security_group_ids = set(string)
  })
  default = null
}

variable "vpcs" {
  description = "Further placements by name, for workers whose function.vpc names one in place of vpc."
  type = map(object({
    subnet_ids         = set(string)
    security_group_ids = set(string)
  }))
  default = {}

  validation {
    condition = alltrue([for worker in local.workers : contains(keys(var.vpcs), worker.function.vpc) if worker.function.vpc != null])
    error_message = join("\n", [
      for worker in local.workers :
      "services/${worker.folder}/worker.yaml: function.vpc: ${coalesce(worker.function.vpc, "-")}: no such placement; add it to the environment's vpcs, or correct the name."
      if worker.function.vpc == null ? false : !contains(keys(var.vpcs), worker.function.vpc)
    ])
  }
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
}

variable "queues" {
  description = "Queues that are not the platform's, whose messages are put on the bus, by the source's name: queue (its name in the environment's account and region, or its ARN: an environment elsewhere takes nothing from it), event (<source>/<Name>), namespaces (of the environments that take from it; null: of all), and what modules/queue_source lets one choose."
  type = map(object({
    queue          = string
    event          = string
    schema_version = optional(number, 1)
    batch_size     = optional(number, 10)
    kms_key        = optional(string)
    namespaces     = optional(set(string))
  }))
  default = {}

  validation {
    condition     = alltrue([for it in var.queues : contains(local.known_events, it.event)])
    error_message = "No contract declares an event of queues: ${join(", ", [for name, it in var.queues : "${name}: ${it.event}" if !contains(local.known_events, it.event)])}; declare it or correct the name."
  }
}

variable "bus_destinations" {
  description = "Buses elsewhere and APIs that get events of this one, by the destination's name: bus (its ARN; its policy has to let this account put events) or api (see modules/bus_destination), events (<source>/<Name>), where (an EventBridge pattern over their data, as JSON), namespaces (of the environments that send to it; null: of all)."
  type = map(object({
    bus = optional(string)
    api = optional(object({
      url        = string
      connection = string
      method     = optional(string, "POST")
      rate       = optional(number, 50)
      transform = optional(object({
        paths    = optional(map(string), {})
        template = string
      }))
    }))
    events     = set(string)
    where      = optional(string)
    namespaces = optional(set(string))
  }))
  default = {}

  validation {
    condition     = alltrue(flatten([for it in var.bus_destinations : [for event in it.events : contains(local.known_events, event)]]))
    error_message = "No contract declares an event of bus_destinations: ${join(", ", flatten([for name, it in var.bus_destinations : [for event in it.events : "${name}: ${event}" if !contains(local.known_events, event)]]))}; declare it or correct the name."
  }
}

variable "keep_warm" {
  description = "The workers that get a heartbeat every so many minutes, so that their first event waits for no cold start."
  type = object({
    workers = optional(set(string), [])
    minutes = optional(number, 5)
  })
  default = {}
}

variable "canary" {
  description = "How often a function in this account sends a canary for each pair of event and worker, as `fanout canary` does: rate(15 minutes); how long one may take from end to end; and the workers that are paused on purpose, which are late and not failed. null: none."
  type = object({
    every   = string
    limit_s = optional(number, 60)
    paused  = optional(set(string), [])
  })
  default = null

  validation {
    condition     = alltrue([for name in try(var.canary.paused, []) : contains(keys(local.workers), name)])
    error_message = "canary.paused names what is no worker."
  }
}

variable "traffic_shift" {
  description = "How new code of a worker gets its events. {}: all at once. Else its share of the invocations in percent, step by step, each for so many minutes, before all; an alarm of the worker meanwhile gives all back to the old code."
  type = object({
    steps   = optional(list(number), [])
    minutes = optional(number, 5)
  })
  default = {}

  validation {
    condition = alltrue([
      for index, step in var.traffic_shift.steps :
      step == floor(step) && step <= 99 && step > (index == 0 ? 0 : var.traffic_shift.steps[max(index - 1, 0)])
    ])
    error_message = "The steps of traffic_shift are whole percentages from 1 to 99, each over the one before."
  }
  validation {
    condition     = alltrue([for step in var.traffic_shift.steps : step > var.observability.error_rate_percent])
    error_message = "Code that always fails would not ring: write steps of traffic_shift over observability.error_rate_percent (${var.observability.error_rate_percent})."
  }
  validation {
    condition     = var.traffic_shift.minutes >= 5 && var.traffic_shift.minutes <= 60 && floor(var.traffic_shift.minutes) == var.traffic_shift.minutes
    error_message = "A step of traffic_shift takes 5 to 60 whole minutes: an alarm judges by the last five."
  }
}

variable "permissions_boundary" {
  description = "The policy (ARN) that bounds every role made here; null: none."
  type        = string
  default     = null
}

variable "role_path" {
  description = "The path of every role made here, but for the one that ends leases, which commands name by its ARN; another path replaces the roles."
  type        = string
  default     = "/"

  validation {
    # https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
    condition     = can(regex("^/([!-.0-~]+/)*$", var.role_path)) && length(var.role_path) <= 512
    error_message = "A role's path begins and ends with / and has at most 512 characters, as /fanout/."
  }
}

variable "code_signing_config" {
  description = "The code signing configuration (ARN) of every function; `make build` signs nothing, so that one that enforces needs a signing job between build and deploy. null: none."
  type        = string
  default     = null

  validation {
    condition     = var.code_signing_config == null ? true : can(regex("^arn:[a-z-]+:lambda:[a-z0-9-]+:[0-9]{12}:code-signing-config:csc-[a-z0-9]{17}$", var.code_signing_config))
    error_message = "A code signing configuration is named by its ARN, arn:aws:lambda:<region>:<account>:code-signing-config:csc-<17 characters>."
  }
}

variable "autoscaling" {
  description = "Scale provisioned concurrency as worker.yaml says; an emulator without Application Auto Scaling needs false."
  type        = bool
  default     = true
}

variable "workflow_tracing" {
  description = "Let Step Functions write X-Ray traces of the workflows' executions; workers themselves use OpenTelemetry."
  type        = bool
  default     = false
}
