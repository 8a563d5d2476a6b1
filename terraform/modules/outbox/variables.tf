variable "deployment" {
  description = "What every name and ARN is made of."
  type = object({
    namespace            = string
    partition            = string
    region               = string
    account_id           = string
    permissions_boundary = optional(string)
    role_path            = optional(string, "/")
    code_signing_config  = optional(string)
  })
}

variable "package" {
  description = "The relay's code: an object in S3, what it is run by, and the layers (ARNs) beneath it."
  type = object({
    bucket       = string
    key          = string
    hash         = string
    handler      = string
    runtime      = string
    architecture = string
    layers       = list(string)
  })
}

variable "bus" {
  description = "The bus that the events go to."
  type = object({
    name = string
    arn  = string
  })
}

variable "publishes" {
  description = "Which events (<source>/<Name>) the workers with an outbox publish."
  type        = list(string)
}

variable "claims_bucket" {
  description = "The bucket of the data of large events."
  type = object({
    name = string
    arn  = string
  })
}

variable "environment" {
  description = "Environment variables of the relay beside its own."
  type        = map(string)
  default     = {}
}

variable "force_destroy" {
  description = "Let destroy remove the table."
  type        = bool
  default     = false
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

variable "protect" {
  description = "Refuse every plan that would destroy what is stored or stuck here."
  type        = bool
  default     = false
}

variable "log_retention_days" {
  description = "How long CloudWatch keeps the relay's logs."
  type        = number
  default     = 14
}

variable "iam_dialect" {
  description = "How an emulator's IAM differs from AWS's: further names of actions, and which of those have no resource."
  type = object({
    aliases  = optional(map(list(string)), {})
    unscoped = optional(set(string), [])
  })
  default = {}
}
