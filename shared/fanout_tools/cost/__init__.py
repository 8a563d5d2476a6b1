"""What an environment costs, from its plan: docs/reference/cost.md has the formulas."""
