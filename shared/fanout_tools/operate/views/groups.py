"""Dead letters by what they have in common: the cause, and its text without what differs from event to event; pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from fanout_tools.operate.dead_letters import DeadLetter, Kind

__all__ = ["Group", "groups", "key_of", "normalised"]

MOST_TEXT = 200
"""Characters of a group's text."""

_DIFFERING = (
    (re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`"), "<text>"),
    (re.compile(r"[\w.:/-]*\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"), "<id>"),
    (
        re.compile(r"\b(?=[A-Za-z0-9_.:/-]*\d)(?=[A-Za-z0-9_.:/-]*[A-Za-z])[A-Za-z0-9][A-Za-z0-9_.:/-]*[A-Za-z0-9]\b"),
        "<id>",
    ),
    (re.compile(r"(?<![A-Za-z])[-+]?\d[\d,_]*(?:\.\d+)?"), "<n>"),
)
"""Quoted text, then ids, then numbers: in this order, as ids hold numbers."""
_REPEATED = re.compile(r"(<\w+>)(?:, \1)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Messages of one cause."""

    key: str
    """Six hexadecimal digits: what commands name the group by."""
    kind: Kind
    cause: str
    text: str
    """What its messages say, without what differs."""
    count: int
    first_ms: int
    """When the oldest was sent, in milliseconds since 1970."""
    last_ms: int
    events: tuple[str, ...]
    """What they are, the most frequent first."""
    sample: str
    """The message id of one of them."""
    per_time: tuple[int, ...] = ()
    """How many there were in each of equal spans between the first and the last of all groups."""


def normalised(text: str) -> str:
    """The text without ids, numbers and quoted values, so that two messages of one cause read alike."""
    for pattern, stands in _DIFFERING:
        text = pattern.sub(stands, text)
    return _REPEATED.sub(r"\1, …", text)[:MOST_TEXT]


def key_of(letter: DeadLetter) -> str:
    """The key of the group that the message is in."""
    told = "\n".join((letter.kind, letter.cause, normalised(letter.text), letter.attributes.get("error_at", "")))
    return blake2b(told.encode(), digest_size=3).hexdigest()


def groups(letters: Iterable[DeadLetter], *, spans: int = 12) -> list[Group]:
    """The groups, the largest first."""
    by_key: dict[str, list[DeadLetter]] = {}
    for letter in letters:
        by_key.setdefault(key_of(letter), []).append(letter)
    times = [letter.sent_ms for members in by_key.values() for letter in members]
    found = [_group(key, members, min(times), max(times), spans) for key, members in by_key.items()]
    return sorted(found, key=lambda group: (-group.count, group.key))


def _group(key: str, members: Sequence[DeadLetter], begin: int, end: int, spans: int) -> Group:
    first = members[0]
    times = [letter.sent_ms for letter in members]
    width = max(1, end - begin + 1)
    counts = Counter((time - begin) * spans // width for time in times)
    events = Counter(letter.event or "?" for letter in members)
    return Group(
        key=key,
        kind=first.kind,
        cause=first.cause,
        text=normalised(first.text),
        count=len(members),
        first_ms=min(times),
        last_ms=max(times),
        events=tuple(name for name, _ in events.most_common()),
        sample=first.message_id,
        per_time=tuple(counts[span] for span in range(spans)),
    )
