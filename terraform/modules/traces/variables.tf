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
  description = "The forwarder's code: an object in S3, what it is run by, and the layers (ARNs) beneath it."
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

variable "endpoint" {
  description = "The collector's URL, OTLP/HTTP; /v1/traces is added to one without a path."
  type        = string

  validation {
    condition     = can(regex("^https?://[^/]+", var.endpoint))
    error_message = "The endpoint is a URL of HTTP, as https://collector.example:4318."
  }
}

variable "headers_secret" {
  description = "The secret of Secrets Manager that holds header fields as a JSON object, as {\"x-api-key\": \"...\"}; null: none."
  type        = string
  default     = null
}

variable "log_groups" {
  description = "The workers' log groups by the workers' names."
  type        = map(string)
}

variable "environment" {
  description = "Environment variables of the forwarder beside its own."
  type        = map(string)
  default     = {}
}

variable "security" {
  description = "The ARN of the platform's own KMS key; null: keys of AWS."
  type = object({
    key_arn = optional(string)
  })
  default = {}
}

variable "log_retention_days" {
  description = "How long CloudWatch keeps the forwarder's logs."
  type        = number
  default     = 14
}

variable "iam_dialect" {
  description = "How an emulator's IAM differs from AWS's: further names of actions."
  type = object({
    aliases = optional(map(list(string)), {})
  })
  default = {}
}
