"""A canary through every hop of a deployment: what ``fanout canary`` does."""
