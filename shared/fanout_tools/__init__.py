"""What runs on laptops and in CI: the ``fanout`` command, and all that it does."""
