variable "protect" {
  description = "Refuse every plan that would take away what is guarded."
  type        = bool
}

variable "guarded" {
  description = "The names of what is guarded, for whoever reads the refusal in the state."
  type        = list(string)
}
