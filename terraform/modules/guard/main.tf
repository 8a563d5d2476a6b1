# Refuses a plan that would destroy what a module keeps: of the whole environment, of one worker that is removed, or one
# thing that a variable or a declaration switches off.
#
# `prevent_destroy` takes no variable, and SQS has no protection of its own against deletion. Each of these resources stands
# or falls with a name that its module guards, so that Terraform stops before it has destroyed anything.
# To let go on purpose: `make release ENV=...`, which forgets the guards; the next deploy makes them again.

resource "terraform_data" "guarded" {
  for_each = var.protect ? toset(var.guarded) : []

  input = each.key

  lifecycle {
    prevent_destroy = true
  }
}
