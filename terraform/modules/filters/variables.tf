variable "policies" {
  description = "Filter policies (JSON), each by a name of its own."
  type        = map(string)
}
