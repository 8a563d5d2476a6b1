"""Checks of the contracts of events, and what is made of them."""
