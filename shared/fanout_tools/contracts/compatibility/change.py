"""What a change of a schema breaks, and for whom.

One question is asked twice: could the reader refuse, or lose, something that the writer may write?

- The writer is the old schema, the reader the new one: this protects who reads **old events** with today's contract.
  They are in flight while it is deployed, in the archive, and in dead-letter queues, under the same version number.
- The writer is the new schema, the reader the old one: this protects who reads **new events** with yesterday's
  contract: a worker that is deployed later than the publisher.

So a contract may not narrow, for the first, nor widen, for the second; what is left is to add optional fields, which
the first finds absent and the second leaves out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fanout_tools.contracts.compatibility.comparison import Refusal, Rule, refusals

__all__ = ["Change", "Reader", "breaking"]


class Reader(StrEnum):
    """Who cannot live with a change."""

    OF_OLD_EVENTS = "events published before it"
    OF_NEW_EVENTS = "workers deployed after it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change that needs a new version of the contract."""

    field: str
    """Its path in the event's data: ``lines[].quantity``; ``data`` for the whole."""
    what: str
    """Such as ``minimum 1 -> 2``."""
    loss: bool
    """Whether old events are read, but not as they were meant: a field is left out, a default is another."""
    breaks: tuple[Reader, ...]

    def __str__(self) -> str:
        return f"{self.field}: {self.what} (breaks {' and '.join(self.breaks)})"


def breaking(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """The changes from the old JSON Schema to the new one that some reader cannot live with, in the order of the
    fields."""
    found: dict[tuple[str, str], list[Reader]] = {}
    losses = set()
    for refusal in refusals(writer=old, reader=new, losses=True):
        key = refusal.field, _what(refusal, refusal.written, refusal.wanted)
        found.setdefault(key, []).append(Reader.OF_OLD_EVENTS)
        if refusal.loss:
            losses.add(key)
    # What is lost, and not refused, is told once: by the old events above.
    for refusal in refusals(writer=new, reader=old, losses=False):
        key = refusal.field, _what(refusal, refusal.wanted, refusal.written)
        found.setdefault(key, []).append(Reader.OF_NEW_EVENTS)
    return [
        Change(field=field, what=what, loss=(field, what) in losses, breaks=tuple(dict.fromkeys(readers)))
        for (field, what), readers in sorted(found.items(), key=lambda item: item[0][0])
    ]


_PRESENCE = {
    ("absent", "required"): "added as a required field",
    ("optional", "required"): "required now",
    ("required", "optional"): "no longer required",
    ("required", "absent"): "removed",
    ("optional", "absent"): "removed",
}


def _what(refusal: Refusal, old: str, new: str) -> str:
    match refusal.rule:
        case Rule.PRESENCE:
            return _PRESENCE[old, new]
        case Rule.NULL:
            return "null is no longer allowed" if old == "allowed" else "null is allowed now"
        case _:
            return f"{refusal.keyword} {old} -> {new}"
