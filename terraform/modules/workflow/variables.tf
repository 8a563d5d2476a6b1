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

variable "name" {
  description = "The workflow's name."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,35}$", var.name))
    error_message = "A workflow's name has 1 to 36 of a-z, 0-9 and -, a letter first; rename its folder."
  }
}

variable "definition" {
  description = "The state machine in Amazon States Language: JSON, every function named by its ARN."
  type        = string

  validation {
    condition     = can(jsondecode(var.definition).States[jsondecode(var.definition).StartAt])
    error_message = "A definition is JSON with StartAt, the name of one of its States."
  }
  validation {
    # https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
    condition     = length(var.definition) <= 1048576
    error_message = "A definition has at most 1 MB."
  }
  validation {
    condition     = can(jsondecode(var.definition).TimeoutSeconds)
    error_message = "A definition needs TimeoutSeconds: an execution that hangs would be open for a year, and no alarm would ring."
  }
}

variable "functions" {
  description = "The aliases (ARN) of the functions that the definition invokes."
  type        = set(string)

  validation {
    condition     = alltrue([for arn in var.functions : can(regex(":function:[^:*]+:[^:*]+$", arn))])
    error_message = "Name each function by the ARN of its alias, without *."
  }
  validation {
    condition     = toset(distinct(flatten(regexall("\"(arn:[a-z-]+:lambda:[^\"]+)\"", var.definition)))) == var.functions
    error_message = "The workers under workers, and those that the definition invokes, must be the same."
  }
}

variable "bus_name" {
  description = "The bus whose events start it."
  type        = string
}

variable "pattern" {
  description = "Which events start it: an EventBridge pattern (JSON)."
  type        = string

  validation {
    # jsonencode writes <, > and & as six characters; the provider sends the single characters.
    condition     = length(replace(var.pattern, "/\\\\u00(3c|3e|26)/", "_")) <= 2048
    error_message = "An EventBridge pattern has at most 2,048 characters: shorten where."
  }
}

variable "log_level" {
  description = "What of an execution is logged, without its data: ALL, ERROR, FATAL or OFF."
  type        = string
  default     = "ERROR"

  validation {
    condition     = contains(["ALL", "ERROR", "FATAL", "OFF"], var.log_level)
    error_message = "Step Functions logs ALL, ERROR, FATAL or OFF."
  }
}

variable "log_retention_days" {
  description = "How long CloudWatch keeps its logs."
  type        = number
  default     = 14
}

variable "tracing" {
  description = "Let Step Functions write X-Ray traces of executions; workers themselves use OpenTelemetry."
  type        = bool
  default     = false
}

variable "security" {
  description = "The platform's own KMS key (alias and ARN; null: keys of AWS), and whether queues refuse calls without TLS."
  type = object({
    key_alias = optional(string)
    key_arn   = optional(string)
    tls_only  = optional(bool, true)
  })
  default = {}
}

variable "protect" {
  description = "Refuse every plan that would destroy what is stuck here."
  type        = bool
  default     = false
}
