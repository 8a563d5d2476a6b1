"""What of an event the tools show: without the values of personal fields, unless they are asked for them.

What no contract of the project describes is masked whole, once any contract marks a field: nobody can tell what of it
is personal. Where none does, everything is shown as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from fanout.errors import EventError
from fanout.events.event import Event
from fanout.events.personal import MASK, fields, masked
from fanout_tools.operate.dead_letters import DeadLetter

__all__ = ["NOTHING", "Masking", "UnmaskedError", "restored"]


class UnmaskedError(EventError):
    """A masked value stands where none was, so that nobody knows which it is."""

    exit_code = 5


@dataclass(frozen=True)
class Masking:
    """
    :ivar schemas: of the newest version of each event, by ``<source>/<Name>``; an older version's fields go by their
        names.
    """

    schemas: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)

    @classmethod
    def by(cls, contracts: Iterable[type[Event]]) -> Masking:
        """By these contracts; one that masks nothing where none of them marks a field."""
        schemas = {it.contract.identifier: it.model_json_schema(mode="serialization") for it in contracts}
        return cls(schemas if any(map(fields, schemas.values())) else {})

    def data(self, identifier: str, data: Any) -> Any:
        """An event's data as they may be shown."""
        if not self.schemas:
            return data
        schema = self.schemas.get(identifier)
        return MASK if schema is None else masked(schema, data)

    def body(self, body: str) -> str:
        """A message's body as it may be shown: as it is where nothing in it is masked, so that it shows what was
        sent."""
        if not self.schemas:
            return body
        try:
            whole = orjson.loads(body)
            shown = self._event(whole)
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return f"{MASK}: {len(body):,} characters that are no event"
        return body if shown == whole else orjson.dumps(shown).decode()

    def _event(self, event: dict[str, Any]) -> dict[str, Any]:
        identifier, detail = f"{event['source']}/{event['detail-type']}", event["detail"]
        if isinstance(detail, dict) and detail.keys() == {"metadata", "data"}:
            return {**event, "detail": {**detail, "data": self.data(identifier, detail["data"])}}
        return {**event, "detail": self.data(identifier, detail)}

    def of(self, letter: DeadLetter) -> Any:
        """A dead letter's data as they may be shown."""
        assert letter.envelope is not None
        return self.data(letter.envelope.identifier, dict(letter.envelope.data))


NOTHING = Masking()
"""Shows everything."""


def restored(edited: Any, shown: Any, original: Any) -> Any:
    """What a person made of masked data, with the values in place of the masks that were left.

    :raises UnmaskedError: a mask stands where none was, or in a list that has another length now.
    """
    if edited == MASK:
        if shown == MASK:
            return original
        raise UnmaskedError(f"{MASK} is not the mask of a value there: write the value, or edit with --personal")
    if isinstance(edited, dict):
        was, value = (it if isinstance(it, dict) else {} for it in (shown, original))
        return {name: restored(each, was.get(name), value.get(name)) for name, each in edited.items()}
    if isinstance(edited, list):
        same = isinstance(shown, list) and len(shown) == len(edited)
        before = zip(shown, original, strict=True) if same else [(None, None)] * len(edited)
        return [restored(each, was, value) for each, (was, value) in zip(edited, before, strict=True)]
    return edited
