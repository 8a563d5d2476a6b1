"""Where personal data rest, and for how long: what follows from contracts and workers' declarations.

What a worker itself writes (tables, files, mails) no declaration tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fanout.events.event import Event
from fanout.events.personal import fields
from fanout_tools.contracts import snapshots
from fanout_tools.declarations.worker import DLQ_RETENTION_DAYS, IdempotencyMode

if TYPE_CHECKING:
    from fanout_tools.declarations.worker import Manifest

__all__ = ["Resting", "resting"]


@dataclass(frozen=True)
class Resting:
    """An event's personal fields in what one worker has of it, in days at most."""

    event: str
    fields: tuple[str, ...]
    worker: str | None
    """None: no worker here takes the event."""
    queue_days: int | None = None
    dlq_days: int | None = None
    record_days: float | None = None
    """Of the idempotency record, which has what the handler returned; None: the worker keeps none."""


def resting(contracts: Iterable[type[Event]], manifests: Mapping[str, Manifest]) -> Iterator[Resting]:
    """Each event that has personal fields, in each worker that takes it."""
    for contract in contracts:
        marked = tuple(fields(snapshots.schema(contract)))
        if not marked:
            continue
        identifier = contract.contract.identifier
        takers = [name for name, it in manifests.items() if _takes(it, identifier)]
        if not takers:
            yield Resting(identifier, marked, None)
        for name in takers:
            it = manifests[name]
            records = None if it.idempotency.mode is IdempotencyMode.OFF else it.ttl_s / 86_400
            yield Resting(identifier, marked, name, it.queue.retention_days, DLQ_RETENTION_DAYS, records)


def _takes(manifest: Manifest, identifier: str) -> bool:
    return any(it.event in (identifier, "*") for it in manifest.subscribes)
