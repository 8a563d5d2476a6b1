variable "region" {
  description = "The AWS region."
  type        = string
  default     = "us-east-1"
}

variable "create_email_identities" {
  description = "Create the SES identities that workers send from; each must then be verified by e-mail."
  type        = bool
  default     = false
}

variable "alarm_emails" {
  description = "Whom alarms write to; each address has to confirm."
  type        = set(string)
  default     = []
}

variable "bus_grants" {
  description = "How the bus may write to the domains' topics, service or role: see docs/first-deploy.md."
  type        = string
  default     = "service"
}
