variable "services_dir" {
  description = "The directory with a folder per worker, each with its worker.yaml."
  type        = string
}

variable "contracts_dir" {
  description = "The directory with the event contracts' JSON Schemas: <source>/<Name>.v<version>.json."
  type        = string
}

variable "only" {
  description = "The one worker to read; null: all of them. What the files forbid together is asked where all are read."
  type        = string
  default     = null
}
