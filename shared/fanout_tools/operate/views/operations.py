"""Operations of the journal as rows and as JSON: what commands print, and what pages show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from fanout_tools.operate.journal import Head, Operation
from fanout_tools.operate.masking import Masking

__all__ = ["head_row", "operation_json"]

PAYLOADS = frozenset({"before", "after"})
"""Of an edit's plan."""


def head_row(head: Head) -> Mapping[str, Any]:
    """One operation in a list, without payloads; of who did it the last part, which with single sign-on is the
    person."""
    return {**_told(head), "who": head.who.rpartition("/")[2] or head.who, "status": head.status.value}


def operation_json(found: Operation, *, body: Masking | None = None) -> Mapping[str, Any]:
    """What the journal has of one.

    :param body: with the payloads that an edit has kept, so far as this shows them; None: without.
    """
    steps = [
        {"number": it.number, "ids": list(it.ids), "intent": dict(it.intent), "done": it.done and dict(it.done)}
        for it in found.steps
    ]
    head = _told(found.head, body=body)
    return {**head, "planned": list(found.planned), "steps": steps, "notes": list(found.notes)}


def _told(head: Head, *, body: Masking | None = None) -> dict[str, Any]:
    told = asdict(head)
    kept = {name: value for name, value in told["plan"].items() if name not in PAYLOADS}
    shown = {} if body is None else {name: body.body(told["plan"][name]) for name in PAYLOADS & told["plan"].keys()}
    return {**told, "plan": {**kept, **shown}}
