# Every example is a root of its own; here are only the tests that plan them.

terraform {
  required_version = ">= 1.11"
}
