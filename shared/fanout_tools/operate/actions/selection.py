"""Which dead letters an operation is for; pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from fanout.errors import FanoutError
from fanout.events.personal import MASK
from fanout_tools.operate.dead_letters import DeadLetter
from fanout_tools.operate.views.groups import key_of
from fanout_tools.patterns import EVENTBRIDGE, Pattern

__all__ = ["Selection", "SelectionError", "fields"]

Where = Callable[[DeadLetter], object]


class SelectionError(FanoutError):
    """The filter cannot be read."""

    exit_code = 2


@dataclass(frozen=True, kw_only=True)
class Selection:
    """All that are given have to hold; none given: all messages.

    :ivar group: a group's key.
    :ivar ids: message ids or event ids, whole or their beginning.
    :ivar pattern: an EventBridge pattern over the whole event, as JSON.
    :ivar where: a JMESPath expression (https://jmespath.org/specification.html) over what :func:`fields` gives; it
        chooses a message where it is true in JMESPath's sense: not null, false or empty.
    """

    group: str = ""
    ids: tuple[str, ...] = ()
    pattern: str = ""
    where: str = ""

    def of(self, letters: Iterable[DeadLetter]) -> list[DeadLetter]:
        """
        :raises SelectionError: the pattern is none, or the expression.
        """
        pattern, where = self._pattern(), self._where()
        return [letter for letter in letters if self._chooses(letter, pattern, where)]

    def _chooses(self, letter: DeadLetter, pattern: Pattern | None, where: Where | None) -> bool:
        if self.group and not key_of(letter).startswith(self.group):
            return False
        if self.ids and not _named(letter, self.ids):
            return False
        if pattern is not None and not _matches(pattern, letter):
            return False
        return where is None or _is_true(where(letter))

    def _where(self) -> Where | None:
        if not self.where:
            return None
        import jmespath  # type: ignore[import-untyped]
        from jmespath.exceptions import JMESPathError  # type: ignore[import-untyped]

        def search(letter: DeadLetter) -> object:
            try:
                return expression.search(fields(letter))
            except JMESPathError as error:  # a function that is given what it does not take
                hint = "where a field may be missing, write `field && function(field)`"
                raise SelectionError(f"where {self.where}: {letter.message_id}: {error}; {hint}") from error

        try:
            expression = jmespath.compile(self.where)
        except JMESPathError as error:
            raise SelectionError(f"where {self.where}: {error}") from error
        return search

    def _pattern(self) -> Pattern | None:
        if not self.pattern:
            return None
        try:
            return Pattern.parse(json.loads(self.pattern), dialect=EVENTBRIDGE)
        except (ValueError, FanoutError) as error:
            raise SelectionError(f"pattern {self.pattern}: {error}") from error

    def to_json(self) -> dict[str, Any]:
        """As the journal keeps it."""
        return {"group": self.group, "ids": list(self.ids), "pattern": self.pattern, "where": self.where}

    def without_values(self) -> Selection:
        """What may be kept of it where the data that it asks for are to be forgotten: not the values in it."""
        return replace(self, pattern=self.pattern and MASK, where=self.where and MASK)


def fields(letter: DeadLetter) -> dict[str, Any]:
    """What an expression can ask of a message: where it comes from, why it is here, and all of its event."""
    envelope = letter.envelope
    return {
        "message_id": letter.message_id,
        "kind": letter.kind.value,
        "cause": letter.cause,
        "text": letter.text,
        "tries": letter.tries,
        "attributes": dict(letter.attributes),
        "event": letter.event,
        "metadata": envelope.metadata.to_json() if envelope else None,
        "data": envelope.data if envelope else None,
    }


def _is_true(found: object) -> bool:
    """As JMESPath has it: a number is true, 0 too."""
    return bool(found) or (isinstance(found, int | float) and found is not False)


def _named(letter: DeadLetter, ids: Sequence[str]) -> bool:
    names = (letter.message_id, letter.event_id or "")
    return any(name.startswith(wanted) for name in names for wanted in ids)


def _matches(pattern: Pattern, letter: DeadLetter) -> bool:
    if letter.envelope is None:
        return False
    return pattern.matches(orjson.loads(letter.body))
