variable "region" {
  description = "The region that the emulator plays."
  type        = string
  default     = "us-east-1"
}

variable "function_environment" {
  description = "Environment variables for every function: the emulator's endpoints, as a function reaches them."
  type        = map(string)
  default     = {}
}

variable "namespace" {
  description = "The prefix of every name; another one for a second deployment on the same emulator."
  type        = string
  default     = "fanout-local"
}

variable "services_dir" {
  description = "The folder of the workers; the repository's own where null. The integration tests add workers to it."
  type        = string
  default     = null
}

variable "packages_dir" {
  description = "The folder that `make build` filled; build/packages/local where null."
  type        = string
  default     = null
}

variable "customer_managed_key" {
  description = "Try the platform's own KMS key; emulators hold it and encrypt nothing."
  type        = bool
  default     = false
}

variable "schedules" {
  description = "Events to publish by the clock; see modules/platform."
  type = map(object({
    expression     = string
    timezone       = optional(string, "UTC")
    event          = string
    schema_version = optional(number, 1)
    data           = optional(map(string), {})
  }))
  default = {}
}

variable "bus_destinations" {
  description = "Buses elsewhere that get events, beside those of terraform/bus_destinations.yaml: see modules/platform."
  type = map(object({
    bus    = string
    events = set(string)
    where  = optional(string)
  }))
  default = {}
}

variable "queues" {
  description = "Queues whose messages are put on the bus; see modules/platform."
  type = map(object({
    queue          = string
    event          = string
    schema_version = optional(number, 1)
    batch_size     = optional(number, 10)
    kms_key        = optional(string)
    namespaces     = optional(set(string))
  }))
  default = {}
}

variable "keep_warm" {
  description = "Workers to keep warm; see modules/platform."
  type = object({
    workers = optional(set(string), [])
    minutes = optional(number, 5)
  })
  default = {}
}

variable "traffic_shift" {
  description = "How new code of a worker gets its events; see modules/platform."
  type = object({
    steps   = optional(list(number), [])
    minutes = optional(number, 5)
  })
  default = {}
}
