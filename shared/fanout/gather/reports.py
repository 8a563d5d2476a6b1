"""What a worker does with the parts of gathers: it reports to its own gathers directly, to those of other workers by
a message.

The records of a gather belong to the worker that gathers. Another worker that handles its parts has no access to
them: it sends a :class:`~fanout.gather.timers.PartReported` to the gathering worker's queue, and that worker keeps and
counts the result. The queue is found by the worker's name in this worker's own configuration, never in the event.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from fanout.errors import DeclarationError
from fanout.gather import timers
from fanout.gather.state import Part
from fanout.gather.timers import Timers
from fanout.outcomes import Reject
from fanout.publish import seal

if TYPE_CHECKING:
    from fanout.events.event import Event
    from fanout.gather.engine import Aggregator
    from fanout.processing.context import Context

__all__ = ["MAX_REPORT_BYTES", "Gathering", "Reference"]

MAX_REPORT_BYTES = 250 * 1024
"""Of a message with a part's result, its envelope included: under the 256 KiB that every queue takes."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Which part of which gather an event is: its ``metadata.gather``."""

    worker: str
    """The worker that gathers."""
    gather_id: str
    index: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        :raises Reject: it is not ``<worker>/<gather_id>/<index>``.
        """
        match text.split("/"):
            case [str(worker), str(gather_id), str(index)] if index.isascii() and index.isdigit() and len(index) < 6:
                return cls(worker, gather_id, int(index))
        raise Reject(f"metadata.gather is {text[:100]!r}; it must be <worker>/<gather id>/<index>")

    def __str__(self) -> str:
        return f"{self.worker}/{self.gather_id}/{self.index}"


class Gathering:
    """The gathers of one worker, and the way to those of others.

    :param aggregator: None: the worker gathers nothing itself.
    :param queues: the queue of each other worker whose parts this one handles.
    """

    def __init__(
        self, worker: str, aggregator: Aggregator | None, timers: Timers, queues: Mapping[str, str] | None = None
    ) -> None:
        self._worker = worker
        self._aggregator = aggregator
        self._timers = timers
        self._queues = queues or {}

    def scatter(self, context: Context, parts: Iterable[Event], *, into: type[Event], deadline: timedelta) -> str:
        """See :meth:`fanout.Context.scatter`."""
        if self._aggregator is None:
            raise DeclarationError(f"{self._worker}: scatters into {into.contract}; write gathers: true in worker.yaml")
        return self._aggregator.scatter(context, parts, into=into, deadline=deadline)

    def reference(self, text: str) -> Reference:
        """Read ``metadata.gather``, before the part's handler runs.

        :raises Reject: it is malformed, or this worker cannot report to the worker that gathers.
        """
        reference = Reference.parse(text)
        own = reference.worker == self._worker and self._aggregator is not None
        if not own and reference.worker not in self._queues:
            raise Reject(
                f"{self._worker}: a part that worker {reference.worker} gathers; add {reference.worker} to parts_of "
                "in worker.yaml"
            )
        return reference

    def report(self, part: Part, reference: Reference, context: Context) -> None:
        """Report to the gather what became of a part.

        :raises Reject: the result is too large.
        """
        if reference.worker == self._worker and self._aggregator is not None:
            self._aggregator.report(part, reference.gather_id, context)
            return
        envelope = seal(
            timers.PartReported(gather_id=reference.gather_id, index=part.index, result=part.result, error=part.error),
            event_id=timers.report_id(reference.gather_id, part),
            correlation_id=context.metadata.correlation_id,
            causation_id=context.event_id,
            traceparent=context.metadata.traceparent,
        )
        size = len(timers.message(envelope))
        if size > MAX_REPORT_BYTES:
            raise Reject(
                f"part {part.index}: its report to worker {reference.worker} has {size:,} bytes; at most "
                f"{MAX_REPORT_BYTES:,} fit a message: keep the result in S3 and return its key"
            )
        self._timers.send(self._queues[reference.worker], envelope, 0)
