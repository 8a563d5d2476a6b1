"""What a publisher has to know of an event's way: the smallest size limit on it, and what its subscribers filter by.

:func:`fanout_tools.declarations.routing.routes` finds it in the workers' declarations; the build packs it into each
worker for the events that the worker ``publishes``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

__all__ = ["BUS_BYTES", "QUEUE_BYTES", "TOPIC_BYTES", "WRAPPING_BYTES", "Path", "Route", "Routes"]

WRAPPING_BYTES = 6 * 1024
"""At most what is added to an entry on its way: keys, id, time, account and region by EventBridge (under 1 KiB), the
cause by a worker that moves the message to its DLQ (attributes count: see :mod:`fanout.processing.settlement`)."""

BUS_BYTES = 1024 * 1024
"""Of an event on EventBridge, since January 2026."""

TOPIC_BYTES = 256 * 1024
"""Of a message of SNS (https://docs.aws.amazon.com/general/latest/gr/sns.html)."""

QUEUE_BYTES = 256 * 1024
"""Of a message in a worker's queue as Terraform makes it: SQS takes 1 MiB since August 2025, but AWS provider 5.100
knows no ``max_message_size`` above this."""

Path = tuple[str, ...]
"""The keys that lead to a field of an event's data, none with a dot: where keys of the data have dots, they stand for
several. Lists on the way count for all their members."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An event's way to its subscribers."""

    max_bytes: int = min(BUS_BYTES, TOPIC_BYTES, QUEUE_BYTES) - WRAPPING_BYTES
    """Of a PutEvents entry, by AWS's formula: what the smallest hop takes of it."""
    filtered: frozenset[Path] | None = None
    """The fields of its data that some subscription filters by; None when that is not known."""

    def keep_filtered(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The part of the data that decides who receives the event: filters answer to it as they do to the whole."""
        return _kept(data, self.filtered or ())

    def to_json(self) -> dict[str, Any]:
        """As the build packs it into a publisher."""
        filtered = None if self.filtered is None else sorted(map(list, self.filtered))
        return {"max_bytes": self.max_bytes, "filtered": filtered}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """What :meth:`to_json` wrote."""
        filtered = fields["filtered"]
        return cls(
            max_bytes=fields["max_bytes"], filtered=None if filtered is None else frozenset(map(tuple, filtered))
        )


UNKNOWN = Route()


@dataclass(frozen=True, slots=True)
class Routes:
    """The ways of events by ``<source>/<Name>``. Of an event that is not among them the worst is assumed: that it
    passes every kind of hop, and that anything in it may be filtered by."""

    by_event: Mapping[str, Route] = field(default_factory=dict)
    """By ``<source>/<Name>``."""

    def of(self, identifier: str) -> Route:
        """The route of ``<source>/<Name>``; of an unknown event the narrowest."""
        return self.by_event.get(identifier, UNKNOWN)

    def to_json(self) -> dict[str, Any]:
        """As the build packs them into a publisher."""
        return {event: route.to_json() for event, route in sorted(self.by_event.items())}

    @classmethod
    def from_json(cls, routes: Mapping[str, Any]) -> Self:
        """What :meth:`to_json` wrote."""
        return cls({event: Route.from_json(fields) for event, fields in routes.items()})


def _kept(data: Mapping[str, Any], paths: Iterable[Path]) -> dict[str, Any]:
    deeper: dict[str, list[Path]] = {}
    for path in paths:
        for end in range(1, len(path) + 1):
            deeper.setdefault(".".join(path[:end]), []).append(path[end:])
    return {key: _value(data[key], rest) for key, rest in deeper.items() if key in data}


def _value(value: Any, paths: list[Path]) -> Any:
    if () in paths:
        return value
    if isinstance(value, Mapping):
        return _kept(value, paths)
    if isinstance(value, list):
        return [_value(member, paths) for member in value if isinstance(member, Mapping | list)]
    return value
