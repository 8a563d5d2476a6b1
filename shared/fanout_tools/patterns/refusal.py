"""How a bad pattern is refused: where, what, and how to fix it."""

import json
from typing import Any

from fanout.errors import PatternError

__all__ = ["describe", "quoted", "refusal"]


def refusal(place: str, problem: str, fix: str) -> PatternError:
    """The error to raise for a ``place`` in the pattern, such as ``detail.data.total[0].numeric``."""
    return PatternError(f"pattern refused at {place}: {problem}; {fix}")


def quoted(value: Any) -> str:
    """A JSON value as people read it; of an event, also a value that is not of JSON, such as a Decimal."""
    return json.dumps(value, ensure_ascii=False, default=str)


def describe(value: Any) -> str:
    """A JSON value named in an error: objects and arrays by their kind, as they may be long."""
    if isinstance(value, dict):
        return "an object"
    return "an array" if isinstance(value, list) else quoted(value)
