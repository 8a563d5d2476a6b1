"""Prove from the Terraform plan, hop by hop, that no event is lost in silence: docs/reference/check-plan.md."""
