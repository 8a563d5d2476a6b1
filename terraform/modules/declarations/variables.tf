variable "folder" {
  description = "The folder of schedules.yaml, queues.yaml and bus_destinations.yaml; each may be missing."
  type        = string
}

variable "environment" {
  description = "The environment's name, which is part of what its console is told."
  type        = string
}

variable "root" {
  description = "The environment's own folder, where its console.yaml is; null: it has no console."
  type        = string
  default     = null
}
