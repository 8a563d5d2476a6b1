# The rules that come with tflint; `make lint` runs it where it is on PATH.

config {
  call_module_type = "local"
}

plugin "terraform" {
  enabled = true
  preset  = "recommended"
}
