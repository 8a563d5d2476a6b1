"""The generated edits that no cell notices, each with why it breaks no promise."""

from __future__ import annotations

__all__ = ["EQUIVALENT"]

EQUIVALENT: dict[str, str] = {}
"""By the edit's text."""
