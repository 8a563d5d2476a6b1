# Where an environment on AWS is: its folder has a link to this file.

variable "account_id" {
  description = "The AWS account that this environment is in: credentials for another one are refused."
  type        = string
}

variable "namespace" {
  description = "First part of every name; null: project, environment and region, as in fanout-prod-euc1."
  type        = string
  default     = null
}
