"""What a publisher has to know of an event's way: the smallest size limit on it, and what its subscribers filter by.

:func:`fanout.routing.routes` finds it in the workers' declarations; the build packs it into each worker for the
events that the worker ``publishes``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

__all__ = ["BUS_MAX_BYTES", "TOPIC_MAX_BYTES", "Path", "Route", "Routes"]

WRAPPING_BYTES = 1024
"""At most what EventBridge adds to an entry on delivery: keys, id, time, account, region."""

TOPIC_MAX_BYTES = 256 * 1024 - WRAPPING_BYTES
"""Of an entry that goes by way of SNS (https://docs.aws.amazon.com/general/latest/gr/sns.html: 262,144 bytes)."""

BUS_MAX_BYTES = 1024 * 1024 - WRAPPING_BYTES
"""Of an entry that goes from EventBridge straight into SQS, each of which takes 1 MiB since January 2026."""

Path = tuple[str, ...]
"""The keys that lead to a field of an event's data; lists on the way count for all their members."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An event's way to its subscribers."""

    topic: bool = True
    """Whether it passes an SNS topic."""
    filtered: frozenset[Path] | None = None
    """The fields of its data that some subscription filters by; None when that is not known."""

    @property
    def max_bytes(self) -> int:
        """Of a PutEvents entry, by AWS's formula."""
        return TOPIC_MAX_BYTES if self.topic else BUS_MAX_BYTES

    def keep_filtered(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The part of the data that decides who receives the event: filters answer to it as they do to the whole."""
        return _kept(data, self.filtered or ())

    def to_json(self) -> dict[str, Any]:
        filtered = None if self.filtered is None else sorted(map(list, self.filtered))
        return {"topic": self.topic, "filtered": filtered}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        filtered = fields["filtered"]
        return cls(topic=fields["topic"], filtered=None if filtered is None else frozenset(map(tuple, filtered)))


UNKNOWN = Route()


@dataclass(frozen=True, slots=True)
class Routes:
    """The ways of events by ``<source>/<Name>``. Of an event that is not among them the worst is assumed: that it
    passes a topic, and that anything in it may be filtered by."""

    by_event: Mapping[str, Route] = field(default_factory=dict)

    def of(self, identifier: str) -> Route:
        return self.by_event.get(identifier, UNKNOWN)

    def to_json(self) -> dict[str, Any]:
        return {event: route.to_json() for event, route in sorted(self.by_event.items())}

    @classmethod
    def from_json(cls, routes: Mapping[str, Any]) -> Self:
        return cls({event: Route.from_json(fields) for event, fields in routes.items()})


def _kept(data: Mapping[str, Any], paths: Iterable[Path]) -> dict[str, Any]:
    deeper: dict[str, list[Path]] = {}
    for path in paths:
        deeper.setdefault(path[0], []).append(path[1:])
    return {key: _value(data[key], rest) for key, rest in deeper.items() if key in data}


def _value(value: Any, paths: list[Path]) -> Any:
    if () in paths:
        return value
    if isinstance(value, Mapping):
        return _kept(value, paths)
    if isinstance(value, list):
        return [_value(member, paths) for member in value if isinstance(member, Mapping | list)]
    return value
