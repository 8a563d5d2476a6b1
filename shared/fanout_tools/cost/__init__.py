"""What an environment costs, from its plan: docs/cost.md has the formulas."""
