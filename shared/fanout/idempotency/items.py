"""The items of the idempotency table, and how they are read: see :mod:`fanout.idempotency.dynamodb`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = [
    "COMPLETED",
    "IN_PROGRESS",
    "RELEASED",
    "Item",
    "batch_mark",
    "expiration_s",
    "locked_until_s",
    "number",
    "text",
]

IN_PROGRESS = "INPROGRESS"
RELEASED = "RELEASED"
COMPLETED = "COMPLETED"

Item = dict[str, Any]


def batch_mark(batch: str) -> str:
    """The key of a batch's mark; events' keys begin with the worker's name."""
    return f"#batch#{batch}"


def text(item: Mapping[str, Any], name: str) -> str:
    """A text attribute; empty where the item lacks it."""
    return str(item.get(name, {}).get("S", ""))


def number(item: Mapping[str, Any], name: str) -> int:
    """A whole number; 0 where the item lacks it."""
    return int(item.get(name, {}).get("N", 0))


def expiration_s(item: Mapping[str, Any]) -> float:
    """When the item is to be forgotten, in seconds since 1970; an item without it is, like DynamoDB's, for good."""
    return float(item.get("expiration", {}).get("N", "inf"))


def locked_until_s(item: Mapping[str, Any]) -> float:
    """When an unfinished lock may be taken over, in seconds since 1970; Powertools writes some without a lock."""
    milliseconds = item.get("in_progress_expiration", {}).get("N")
    return expiration_s(item) if milliseconds is None else float(milliseconds) / 1000
