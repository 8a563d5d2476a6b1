# The router and the console behind it, of environments that may have them: their folders have a link to this file.

variable "router" {
  description = "Where the storefront's router is: VPC, certificate, secret of the control channel, image (see modules/platform); null: no storefront."
  type = object({
    vpc = object({
      id                 = string
      public_cidr_blocks = list(string)
      public_subnet_ids  = set(string)
      private_subnet_ids = set(string)
    })
    image_tag          = string
    certificate_arn    = string
    control_secret     = object({ arn = string, key_arn = optional(string) })
    access_logs_bucket = optional(string)
  })
  default = null
}

variable "console_client_secret" {
  description = "The secret that the console's load balancer has with the identity provider, where console.yaml names one."
  type        = string
  default     = ""
  sensitive   = true
}
