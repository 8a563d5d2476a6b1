"""Sabotage of a deployment, hop by hop: what ``fanout canary`` has to name."""
