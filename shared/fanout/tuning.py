"""A function that is only measured: ``fanout tune`` runs a worker's package under other memory sizes.

Its handlers run as ever, with all effects of their own. What the core does around them has none: records are remembered
in memory, nothing is published, no message is settled. That there is a core at all between handler and batch is what
makes the time that of the worker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, cast

from fanout.events.envelope import Envelope
from fanout.events.event import Event
from fanout.idempotency.memory import MemoryStore
from fanout.outcomes import Policies
from fanout.payloads import ClaimCheck
from fanout.processing.batch import Processor
from fanout.processing.execution import Execution
from fanout.processing.handlers import Handlers
from fanout.processing.locks import Locks
from fanout.processing.settings import Settings
from fanout.processing.settlement import Settlement
from fanout.processing.timing import Pace, reserve_s
from fanout.publish import Publisher, Receipt, wrap

__all__ = ["VARIABLE", "processor"]

VARIABLE: Final = "FANOUT_TUNE"
"""Set in the environment of such a function."""


class _NoQueue:
    """Takes every entry, and keeps none."""

    def __getattr__(self, _: str) -> Callable[..., dict[str, Any]]:
        return self._take

    @staticmethod
    def _take(*, QueueUrl: str, Entries: Sequence[Any]) -> dict[str, Any]:  # noqa: N803, ARG004 - boto3's names
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}


class _NoBus:
    """Wraps every event, and sends none."""

    def publish_all(self, events: Iterable[Event | Envelope]) -> Iterator[Receipt]:
        for event in events:
            yield Receipt(envelope=event if isinstance(event, Envelope) else wrap(event), attempts=1)


def processor(settings: Settings, handlers: Handlers, policies: Policies, claim_check: ClaimCheck) -> Processor:
    """What stands for the worker's own, with nothing behind it."""
    store = None if settings.idempotency == "off" else MemoryStore(one_write=settings.idempotency == "claim")
    sqs: Any = _NoQueue()
    settlement = Settlement(sqs=lambda: sqs, settings=settings, queue_url=lambda: "none", dlq_url=lambda: "none")
    publisher = cast("Publisher", _NoBus())
    return Processor(
        locks=Locks(settings, store) if store else None,
        execution=Execution(
            settings,
            handlers,
            policies,
            store,
            Pace(reserve_s(settings.timeout_s)),
            None,
            out_of_the_way=settlement.out_of_the_way,
        ),
        settlement=settlement,
        publisher=lambda: publisher,
        claim_check=claim_check,
    )
