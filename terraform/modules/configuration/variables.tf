variable "deployment" {
  description = "What every name and ARN is made of."
  type = object({
    namespace  = string
    partition  = string
    region     = string
    account_id = string
  })
}

variable "parameters" {
  description = "SSM parameters by the function's own names for them; one that begins with / is not the deployment's own."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for at in values(var.parameters) : can(regex("^/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$", at))])
    error_message = "A parameter's name is made of A-Z, a-z, 0-9, _, . and -, in parts with / between them."
  }
  validation {
    condition     = alltrue([for at in values(var.parameters) : !can(regex("^/(?i:aws|ssm)", at))])
    error_message = "Names of parameters that begin with aws or ssm are AWS's own."
  }
}

variable "secrets" {
  description = "Secrets of Secrets Manager by the function's own names for them; one that begins with / is not the deployment's own."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for at in values(var.secrets) : can(regex("^/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$", at))])
    error_message = "A secret's name is made of A-Z, a-z, 0-9, _, . and -, in parts with / between them."
  }
}
