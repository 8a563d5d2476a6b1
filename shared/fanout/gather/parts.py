"""Parts of gathers: their handlers' results and failures, reported to the worker's own gathers directly and to those of
other workers by a message.

The records of a gather belong to the worker that gathers. Another worker that handles its parts has no access to
them: it sends a :class:`~fanout.gather.timers.PartReported` to the gathering worker's queue, and that worker keeps and
counts the result. The queue is found by the worker's name in this worker's own configuration, never in the event.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import wraps
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Self

import orjson

from fanout.errors import DeclarationError, told
from fanout.events.personal import hidden
from fanout.gather import timers
from fanout.gather.state import MAX_PARTS, Part
from fanout.gather.timers import SqsTimers
from fanout.outcomes import Reject
from fanout.processing.context import Context
from fanout.processing.handlers import is_coroutine, not_run
from fanout.publish import wrap

if TYPE_CHECKING:
    from fanout.events.event import Event
    from fanout.gather.engine import Aggregator

__all__ = ["MAX_REPORT_BYTES", "Gathering", "Reference", "report_lost", "reporting"]

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
                if int(index) < MAX_PARTS:
                    return cls(worker, gather_id, int(index))
        raise Reject(f"metadata.gather is {text[:100]!r}; it must be <worker>/<gather id>/<index under {MAX_PARTS}>")

    def __str__(self) -> str:
        return f"{self.worker}/{self.gather_id}/{self.index}"


class Gathering:
    """The gathers of one worker, and the way to those of others.

    :param aggregator: None: the worker gathers nothing itself.
    :param queues: the queue of each other worker whose parts this one handles.
    """

    def __init__(
        self, worker: str, aggregator: Aggregator | None, timers: SqsTimers, queues: Mapping[str, str] | None = None
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

        :raises Reject: it is malformed, the gather has no such part, or this worker cannot report to the worker that
            gathers. Of another worker's gather that worker alone knows the total, and refuses the report.
        """
        reference = Reference.parse(text)
        if reference.worker == self._worker and self._aggregator is not None:
            self._aggregator.check(reference.gather_id, reference.index)
        elif reference.worker not in self._queues:
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
        envelope = wrap(
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


log = logging.getLogger(__name__)

MAX_ERROR = 1_000
"""Characters of a failure that the gather keeps."""

Handler = Callable[[Any, Context], Any]


def reporting(handler: Handler, gives_up: Callable[[Exception, Context], bool]) -> Handler:
    """The handler, whose return is its part's result. An event that was not scattered is handled all the same; nobody
    waits for its result.

    :param gives_up: whether an exception is the part's failure, because its record is not handled again.
    """
    if is_coroutine(handler):
        return _asynchronous(handler, gives_up)

    @wraps(handler)
    def report(event: Any, context: Context) -> Any:
        reference = _reference(context)
        try:
            result = handler(event, context)
            if isawaitable(result):  # a plain function around a coroutine
                return _asynchronous(lambda *_: result, gives_up)(event, context)
            _refuse_not_run(result)
            return result if reference is None else _succeeded(context, reference, result)
        except Exception as error:
            if reference is not None and gives_up(error, context):
                _failed(context, reference, error)
            raise

    return report


def _asynchronous(handler: Handler, gives_up: Callable[[Exception, Context], bool]) -> Handler:
    @wraps(handler)
    async def report(event: Any, context: Context) -> Any:
        import asyncio

        # In a thread, as below: the store's client blocks, and other records share the loop.
        reference = await asyncio.to_thread(_reference, context)
        try:
            result = await handler(event, context)
            _refuse_not_run(result)
            return result if reference is None else await asyncio.to_thread(_succeeded, context, reference, result)
        except Exception as error:
            if reference is not None and gives_up(error, context):
                await asyncio.to_thread(_failed, context, reference, error)
            raise

    return report


def _refuse_not_run(result: Any) -> None:
    """
    :raises TypeError: the handler returned code in place of running it.
    """
    if error := not_run(result):
        raise error


def _reference(context: Context) -> Reference | None:
    """Which part the event is; None when it was not scattered.

    :raises Reject: before the handler runs, when its result could not be reported.
    """
    if context.gathers is None or context.metadata.gather is None:
        return None
    reference = context.gathers.reference(context.metadata.gather)
    context.reports = True
    return reference


def _succeeded(context: Context, reference: Reference, result: Any) -> None:
    assert context.gathers is not None
    context.gathers.report(Part(index=reference.index, result=_storable(result, reference)), reference, context)


def _failed(context: Context, reference: Reference, error: BaseException) -> None:
    assert context.gathers is not None
    context.gathers.report(Part(index=reference.index, error=_text(error, context)), reference, context)
    context.delivery.part_failed = True


def report_lost(contexts: Iterable[Context]) -> None:
    """Tell their gathers of parts that are in the DLQ and whose handlers had no occasion to: their process died, their
    time was up, or they ended the program. What cannot be told is missing at the gather's deadline."""
    for context in contexts:
        try:
            reference = _reference(context)
            if reference is not None:
                _failed(context, reference, context.delivery.cause or TimeoutError("no cause was told"))
        except Exception:
            log.exception("a gather was not told that a part failed", extra=context.delivery.log_fields())


def _storable(result: Any, reference: Reference) -> Any:
    """The result as JSON gives it back; None when JSON cannot hold it, for the effect is there and another try would
    return the same."""
    try:
        # There and back, so that the first report and a repeated one compare equal: a tuple comes back as a list.
        return orjson.loads(orjson.dumps(result))
    except orjson.JSONEncodeError as error:
        fields = {"gather_id": reference.gather_id, "part": reference.index}
        log.warning("the result of a part is kept as null: %s", error, extra=fields)
        return None


def _text(error: BaseException, context: Context) -> str:
    """As the gather's record and its result say it: without the event's personal values."""
    try:
        text = hidden(told(error), context.delivery.personal())
    except Exception:  # noqa: BLE001  a failure of the text must not hide the failure
        text = "(its text cannot be read)"
    return f"{type(error).__name__}: {text}"[:MAX_ERROR].encode(errors="replace").decode()
