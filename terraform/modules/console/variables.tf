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

  validation {
    condition     = var.deployment.partition == "aws"
    error_message = "Elsewhere load balancers have other keys: the console is deployed in AWS's commercial regions alone; run `fanout console` in others."
  }
}

variable "package" {
  description = "The function's code: an object in S3, what it is run by, and the layers (ARNs) beneath it."
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

variable "settings" {
  description = "The environment as commands name it, the console's name in DNS, the identity provider, and which of its groups have which role."
  type = object({
    environment  = string
    host         = string
    groups_claim = optional(string, "groups")
    person_claim = optional(string, "email")
    groups = object({
      observer     = optional(set(string), [])
      investigator = optional(set(string), [])
      operator     = optional(set(string), [])
    })
    oidc = object({
      issuer                 = string
      authorization_endpoint = string
      token_endpoint         = string
      user_info_endpoint     = string
      client_id              = string
      scope                  = optional(string, "openid email groups")
    })
  })

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)+$", var.settings.host))
    error_message = "The console has a name of its own in DNS, in lower case and whole: no wildcard would do, as pages are told apart from other sites' by it."
  }
  validation {
    condition     = length(setunion(var.settings.groups.observer, var.settings.groups.investigator, var.settings.groups.operator)) > 0
    error_message = "Nobody may see the console: name a group of the identity provider in groups."
  }
  validation {
    condition     = alltrue([for group in setunion(var.settings.groups.observer, var.settings.groups.investigator, var.settings.groups.operator) : trimspace(group) == group && group != ""])
    error_message = "A group has a name, without blanks around it: the identity provider's, letter by letter."
  }
  validation {
    condition     = alltrue([for name in ["issuer", "authorization_endpoint", "token_endpoint", "user_info_endpoint"] : startswith(var.settings.oidc[name], "https://")])
    error_message = "The identity provider is asked by HTTPS: see its /.well-known/openid-configuration."
  }
  validation {
    condition     = contains(split(" ", var.settings.oidc.scope), "openid")
    error_message = "oidc.scope has openid, or the identity provider tells nobody's name."
  }
}

variable "client_secret" {
  description = "The client's secret with the identity provider. Terraform's state holds it."
  type        = string
  sensitive   = true
  nullable    = false

  validation {
    condition     = length(var.client_secret) > 0
    error_message = "The load balancer needs the client's secret: set TF_VAR_console_client_secret."
  }
}

variable "policies" {
  description = "The policies of observers, investigators and operators (ARNs), of modules/operators."
  type = object({
    observer     = string
    investigator = string
    operator     = string
  })
}

variable "router" {
  description = "The router's load balancer: itself, its HTTPS listener, its target group, its security group."
  type = object({
    balancer_arn            = string
    balancer_security_group = string
    listener_arn            = string
    target_group_arn        = string
  })
}

variable "vpc" {
  description = "The subnets and security groups by which the function reaches its router, and AWS by NAT: the load balancers' keys have no endpoint in a VPC."
  type = object({
    subnet_ids         = set(string)
    security_group_ids = set(string)
  })
}

variable "environment" {
  description = "Environment variables of the function beside its own."
  type        = map(string)
  default     = {}
}

variable "log_retention_days" {
  description = "How long CloudWatch keeps the function's logs."
  type        = number
  default     = 14
}

variable "security" {
  description = "The platform's own KMS key (ARN; null: keys of AWS)."
  type        = object({ key_arn = optional(string) })
  default     = {}
}
