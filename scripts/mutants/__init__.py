"""Spoilt inputs that the checks have to catch."""
