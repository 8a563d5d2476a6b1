"""The apps; they run in an environment of their own (scripts/requirements-apps.txt)."""
