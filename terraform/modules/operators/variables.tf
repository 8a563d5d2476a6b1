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

variable "force_destroy" {
  description = "Let destroy remove the journal."
  type        = bool
  default     = false
}

variable "protect" {
  description = "Refuse every plan that would destroy what is stored or stuck here."
  type        = bool
  default     = false
}

variable "security" {
  description = "The platform's own KMS key: alias and ARN; null: keys of AWS."
  type = object({
    key_alias = optional(string)
    key_arn   = optional(string)
  })
  default = {}
}

variable "bus_name" {
  description = "The bus; null: that of the namespace's name."
  type        = string
  default     = null
}
