# Which folders have changed since packages were built of them.

terraform {
  required_version = ">= 1.11"
}

variable "packages_dir" {
  description = "The directory with the packages, as `make build` writes it."
  type        = string
  default     = "../../../build/packages/aws"
}

module "sources" {
  source = "../../modules/sources"

  packages_dir = var.packages_dir
  recorded     = jsondecode(file("${var.packages_dir}/target.json")).sources
}

output "changed" {
  description = "Empty while the packages are those of the sources."
  value       = module.sources.changed
}
