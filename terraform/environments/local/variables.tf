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
