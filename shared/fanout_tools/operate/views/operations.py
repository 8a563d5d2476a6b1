"""Operations of the journal as rows and as JSON: what commands print, and what pages show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from fanout_tools.operate.journal import Head, Operation

__all__ = ["head_row", "operation_json"]


def head_row(head: Head) -> Mapping[str, Any]:
    """One operation in a list; of who did it the last part, which with single sign-on is the person."""
    return {**asdict(head), "who": head.who.rpartition("/")[2] or head.who, "status": head.status.value}


def operation_json(found: Operation) -> Mapping[str, Any]:
    """All that the journal has of one."""
    steps = [
        {"number": it.number, "ids": list(it.ids), "intent": dict(it.intent), "done": it.done and dict(it.done)}
        for it in found.steps
    ]
    return {**asdict(found.head), "planned": list(found.planned), "steps": steps, "notes": list(found.notes)}
