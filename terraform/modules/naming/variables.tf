variable "environment" {
  description = "The project and the environment, such as fanout-prod."
  type        = string
}

variable "region" {
  description = "The region of the environment, such as eu-central-1."
  type        = string
}

variable "namespace" {
  description = "The namespace, where it is not to be made of the two; null: it is."
  type        = string
  default     = null
}
