"""Which dead letters an operation is for; pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from fanout.errors import FanoutError
from fanout_tools.operate.dead_letters import DeadLetter
from fanout_tools.operate.views.groups import key_of
from fanout_tools.patterns import EVENTBRIDGE, Pattern

__all__ = ["Selection", "SelectionError"]


class SelectionError(FanoutError):
    """The filter cannot be read."""

    exit_code = 2


@dataclass(frozen=True, kw_only=True)
class Selection:
    """All that are given have to hold; none given: all messages.

    :ivar group: a group's key.
    :ivar ids: message ids or event ids, whole or their beginning.
    :ivar pattern: an EventBridge pattern over the whole event, as JSON.
    """

    group: str = ""
    ids: tuple[str, ...] = ()
    pattern: str = ""

    def of(self, letters: Iterable[DeadLetter]) -> list[DeadLetter]:
        """
        :raises SelectionError: the pattern is none.
        """
        pattern = self._pattern()
        return [letter for letter in letters if self._chooses(letter, pattern)]

    def _chooses(self, letter: DeadLetter, pattern: Pattern | None) -> bool:
        if self.group and not key_of(letter).startswith(self.group):
            return False
        if self.ids and not _named(letter, self.ids):
            return False
        return pattern is None or _matches(pattern, letter)

    def _pattern(self) -> Pattern | None:
        if not self.pattern:
            return None
        try:
            return Pattern.parse(json.loads(self.pattern), dialect=EVENTBRIDGE)
        except (ValueError, FanoutError) as error:
            raise SelectionError(f"pattern {self.pattern}: {error}") from error

    def to_json(self) -> dict[str, Any]:
        """As the journal keeps it."""
        return {"group": self.group, "ids": list(self.ids), "pattern": self.pattern}


def _named(letter: DeadLetter, ids: Sequence[str]) -> bool:
    names = (letter.message_id, letter.event_id or "")
    return any(name.startswith(wanted) for name in names for wanted in ids)


def _matches(pattern: Pattern, letter: DeadLetter) -> bool:
    if letter.envelope is None:
        return False
    return pattern.matches(orjson.loads(letter.body))
