"""The documentation: its reference pages, which are made of the code, and its site."""
