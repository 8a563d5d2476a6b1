"""Dead letters and their groups as rows: what commands print, and what pages show; no payload."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from fanout_tools.operate.dead_letters import DeadLetter
from fanout_tools.operate.fence import Known
from fanout_tools.operate.masking import Masking
from fanout_tools.operate.views.groups import Group, key_of

__all__ = ["group_row", "letter_json", "letter_row"]

SPARKS = " ▁▂▃▄▅▆▇█"


def letter_row(letter: DeadLetter) -> Mapping[str, Any]:
    """One message."""
    return {
        "message": letter.message_id,
        "kind": letter.kind.value,
        "event": letter.event,
        "event_id": letter.event_id,
        "tries": letter.tries or None,
        "since": _moment(letter.sent_ms),
        "cause": letter.cause or None,
        "text": letter.text,
        "group": key_of(letter),
    }


def letter_json(letter: DeadLetter, known: Known, *, body: Masking | None) -> Mapping[str, Any]:
    """All of one message, with what the fence knows of its event.

    :param body: with the payload, so far as this shows it; None: without.
    """
    told = {**letter_row(letter), "attributes": dict(letter.attributes), "fence": known.state.value}
    return told if body is None else {**told, "body": body.body(letter.body)}


def group_row(group: Group) -> Mapping[str, Any]:
    """One group."""
    return {
        "group": group.key,
        "count": group.count,
        "kind": group.kind.value,
        "cause": group.cause or None,
        "text": group.text,
        "first": _moment(group.first_ms),
        "last": _moment(group.last_ms),
        "when": "".join(_sparks(group.per_time)),
        "events": list(group.events),
        "sample": group.sample,
    }


def _sparks(counts: tuple[int, ...]) -> Iterator[str]:
    most = max(counts, default=0) or 1
    yield from (SPARKS[-(-count * (len(SPARKS) - 1) // most)] for count in counts)


def _moment(milliseconds: int) -> str | None:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%d %b %H:%M:%S") if milliseconds else None
