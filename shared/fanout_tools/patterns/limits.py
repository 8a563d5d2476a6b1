"""The limits that AWS sets to a pattern as a whole."""

from math import prod
from typing import Any

from fanout_tools.patterns.dialects import Dialect
from fanout_tools.patterns.refusal import refusal

__all__ = ["check_limits"]


def check_limits(pattern: dict[str, Any], dialect: Dialect) -> None:
    """Raises PatternError for a pattern with more keys, or more combinations, than the dialect takes."""
    _check(len(pattern), dialect.max_keys, "keys at its top", dialect, "nest some under one key")
    _check(
        _or_combinations(pattern, dialect),
        dialect.max_or_combinations,
        "combinations of the branches of its $or arrays",
        dialect,
        "split it into several rules",
    )
    _check(
        _value_combinations(pattern, dialect),
        dialect.max_value_combinations,
        "combinations of its values (values x depth, multiplied over all keys)",
        dialect,
        "list fewer values or nest less, or take the events from the bus",
    )


def _check(count: int, limit: int | None, what: str, dialect: Dialect, fix: str) -> None:
    if limit is not None and count > limit:
        raise refusal("its top", f"{count:,} {what}, and {dialect.name} takes {limit:,}", fix)


def _or_combinations(node: Any, dialect: Dialect) -> int:
    """The product of the lengths of all ``$or`` arrays."""
    if isinstance(node, list):
        return prod(_or_combinations(child, dialect) for child in node)
    if not isinstance(node, dict):
        return 1
    branches = node.get("$or")
    own = len(branches) if isinstance(branches, list) and branches and dialect.is_or("$or", branches) else 1
    return own * prod(_or_combinations(child, dialect) for child in node.values())


def _value_combinations(node: Any, dialect: Dialect, depth: int = 1, combinations: int = 1) -> int:
    """``combinations`` times (values x depth) of each key below; the branches of an ``$or`` add up."""
    if not isinstance(node, dict):
        return combinations
    for name, value in node.items():
        if isinstance(value, list) and dialect.is_or(name, value):
            combinations = sum(_value_combinations(branch, dialect, depth, combinations) for branch in value)
        elif isinstance(value, dict):
            combinations = _value_combinations(value, dialect, depth + 1, combinations)
        elif isinstance(value, list):
            combinations *= max(len(value), 1) * depth
    return combinations
