variable "packages_dir" {
  description = "The directory with the functions' packages."
  type        = string
}

variable "recorded" {
  description = "The digests of the packages' sources when they were built, by folder, relative to packages_dir."
  type        = map(string)
}
