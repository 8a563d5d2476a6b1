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

variable "publishers" {
  description = "Who outside of this account may put events on the bus: an account's id or an organisation's (o-...), and the sources that it may name."
  type = list(object({
    principal = string
    sources   = set(string)
  }))
  default = []
}
