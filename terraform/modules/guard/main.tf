# Refuses a plan that would destroy what a module keeps: of the whole environment, or of one worker that is removed.
#
# `prevent_destroy` takes no variable, and SQS has no protection of its own against deletion. This resource stands or
# falls with the module that calls it, so that Terraform stops before it has destroyed anything.
# To let go on purpose: `make release ENV=...`, which forgets the guards; the next deploy makes them again.

resource "terraform_data" "guard" {
  count = var.protect ? 1 : 0

  input = var.guarded

  lifecycle {
    prevent_destroy = true
  }
}
