"""The order of a gather's steps, such that one can die between any two and its redelivery loses and repeats nothing.

* A gather is kept before its parts are published, and its deadline's timer is set between the two.
* A part's report is kept before the part counts; once it counts, whoever finds the set full wakes the gathering
  worker, be it the part's duplicate.
* The gather is closed before the gathered event is published, under the event_id of the timer that closed it: that
  timer's redelivery publishes again what it may have failed to publish, with the same event_id, and any other timer
  leaves it alone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from fanout.errors import DeclarationError
from fanout.events.event import Event
from fanout.gather import timers
from fanout.gather.state import MAX_DEADLINE_S, MAX_PARTS, AggregateResult, Part, ScatterGather, Standing, Turn
from fanout.gather.store import GatherStore
from fanout.gather.timers import PartReported, PartWasLate, SqsTimers, WokenUp
from fanout.outcomes import Reject
from fanout.publish import wrap

if TYPE_CHECKING:
    from fanout.processing.context import Context
    from fanout.processing.handlers import Gatherer, Handlers

__all__ = ["Aggregator"]

log = logging.getLogger(__name__)

FILLED = -1
"""The turn of the timer that tells of a full set."""

MAX_TOTALS = 1_000
"""Gathers whose totals, which never change, a process keeps in mind: under 200 kB."""


class Aggregator:
    """The gathers of one worker.

    :param queue_url: the worker's own queue.
    :param clock: seconds since 1970; tests give their own.
    """

    def __init__(
        self,
        store: GatherStore,
        timers: SqsTimers,
        handlers: Handlers,
        *,
        queue_url: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._timers = timers
        self._handlers = handlers
        self._queue_url = queue_url
        self._clock = clock
        self._totals: dict[str, int] = {}

    def event_handlers(self) -> dict[str, tuple[type[Event], Callable[[Any, Context], None]]]:
        """What the worker has to handle for its gathers, beside its own events."""
        found: list[tuple[type[Event], Callable[[Any, Context], None]]] = [
            (WokenUp, self.on_woken_up),
            (PartWasLate, self.on_part_was_late),
            (PartReported, self.on_part_reported),
        ]
        return {contract.contract.identifier: (contract, handler) for contract, handler in found}

    def scatter(self, context: Context, parts: Iterable[Event], *, into: type[Event], deadline: timedelta) -> str:
        """See :meth:`fanout.Context.scatter`."""
        events, seconds = list(parts), deadline.total_seconds()
        if len(events) > MAX_PARTS:
            raise Reject(f"{len(events):,} parts; one gather has at most {MAX_PARTS:,}: let each part scatter its own")
        if not 0 < seconds <= MAX_DEADLINE_S:
            raise ValueError(f"deadline={deadline}: must be over 0 and at most {MAX_DEADLINE_S // 86_400} days")
        gatherer = self._gatherer(into.contract.identifier)
        wished = ScatterGather(
            # The same in every try of the handler, which has published the same events by then.
            gather_id=context.identity(f"gather/{len(context.delivery.published)}"),
            into=into.contract.identifier,
            total=len(events),
            due_at=self._clock() + seconds,
            compensates=gatherer.on_failure is not None,
        )
        assert context.delivery.envelope is not None
        gather = self._store.create(wished, context.delivery.envelope)
        # Before the parts: a process that dies among them leaves a gather that its deadline ends.
        self._wait(gather, 0, context)
        # A part that may have to be undone has to be heard of, however late.
        expires_at = None if gather.compensates else datetime.fromtimestamp(gather.due_at, UTC)
        for index, event in enumerate(events):
            context.publish(event, expires_at=expires_at, gather=f"{context.worker}/{gather.gather_id}/{index}")
        if gather.filled:  # without parts, or in a repetition
            self._wake(gather, WokenUp(gather_id=gather.gather_id, turn=FILLED), context)
        return gather.gather_id

    # Parts.

    def check(self, gather_id: str, index: int) -> bool:
        """That the gather has such a part, before anything is done for it; returns whether the gather is there. One
        that is forgotten, as the part is late, may have had it.

        :raises Reject: it has not.
        """
        total = self._total(gather_id)
        if total is not None and not 0 <= index < total:
            raise Reject(f"part {index} of gather {gather_id[:100]}: the gather has the parts 0 to {total - 1}")
        return total is not None

    def _total(self, gather_id: str) -> int | None:
        if gather_id not in self._totals:
            gather = self._store.read(gather_id)
            if gather is None:
                return None
            if len(self._totals) >= MAX_TOTALS:
                self._totals.clear()
            self._totals[gather_id] = gather.total
        return self._totals[gather_id]

    def on_part_reported(self, report: PartReported, context: Context) -> None:
        """Count a part that another worker handled. Of a gather that is not there nothing is kept: its first report
        would be somebody's who knows what its id will be.

        :raises Reject: the gather has no such part.
        """
        if not self.check(report.gather_id, report.index):
            fields = {"gather_id": report.gather_id, "part": report.index}
            log.warning("a part is reported of a gather that is not there, or no longer", extra=fields)
            return
        part = Part(index=report.index, result=report.result, error=report.error)
        self.report(part, report.gather_id, context)

    def report(self, part: Part, gather_id: str, context: Context) -> Standing:
        """Count a part. May be repeated after any fault: the first report stays, and whoever finds the gather full
        wakes it."""
        kept = self._store.keep(gather_id, part)
        counted = self._store.mark_done(gather_id, part.index)
        gather = counted or self._store.read(gather_id)
        if gather is None:
            log.warning("the result of a part is late: its gather is forgotten", extra=_fields(gather_id, part))
            return Standing.LATE
        if gather.filled and gather.closed_by is None:
            # Also when a duplicate finds it so: the one that counted may have died before it got here.
            self._wake(gather, WokenUp(gather_id=gather_id, turn=FILLED), context)
        standing = Standing.COUNTED if counted else gather.standing(part.index)
        # A repetition that says the same is this report's own, whose response was lost.
        if standing is not Standing.COUNTED and (standing is not Standing.DUPLICATE or kept != part):
            log.warning("the result of a part is %s", standing.value, extra=_fields(gather_id, part))
        if standing is Standing.LATE and gather.compensates and kept.error is None:
            self._wake(gather, PartWasLate(gather_id=gather_id, index=part.index), context)
        return standing

    # Timers.

    def on_woken_up(self, timer: WokenUp, context: Context) -> None:
        """End the gather if it has come to its end, else wait on."""
        gather = self._store.read(timer.gather_id)
        if gather is not None and gather.turn(context.event_id, self._clock()) is Turn.CLOSE:
            # Another timer may be faster: what is read then says who publishes.
            gather = self._store.close(timer.gather_id, context.event_id) or self._store.read(timer.gather_id)
        if gather is None:
            log.warning("a timer of a gather that is forgotten", extra={"gather_id": timer.gather_id})
            return
        match gather.turn(context.event_id, self._clock()):
            case Turn.PUBLISH:
                self._publish(gather, context)
            case Turn.WAIT:
                self._wait(gather, timer.turn + 1, context)

    def on_part_was_late(self, timer: PartWasLate, context: Context) -> None:
        """Undo a part that succeeded after its gather had been closed without it."""
        gather, part = self._store.read(timer.gather_id), self._store.part(timer.gather_id, timer.index)
        if gather is None or part is None:
            raise Reject(f"gather {timer.gather_id}: part {timer.index} is to be undone, but nothing of it is kept")
        if gather.closed_by is None or gather.standing(timer.index) is not Standing.LATE or not gather.compensates:
            raise Reject(f"gather {timer.gather_id}: part {timer.index} is to be undone, but it is not late")
        self._compensate(gather, [part], context)

    def _publish(self, gather: ScatterGather, context: Context) -> None:
        request = self._handlers.read(self._store.request(gather.gather_id))
        gathered = AggregateResult.of(gather, self._store.parts(gather.gather_id))
        event = self._gatherer(gather.into).combine(request, gathered)
        self._tell(gather, event, "gathered", context)
        if not gathered.complete:
            self._compensate(gather, gathered.succeeded, context)

    def _compensate(self, gather: ScatterGather, parts: Iterable[Part], context: Context) -> None:
        on_failure = self._gatherer(gather.into).on_failure
        if on_failure is None:
            return
        request = self._handlers.read(self._store.request(gather.gather_id))
        for part in parts:
            event = on_failure(request, part)
            if event is not None:
                self._tell(gather, event, f"compensation/{part.index}", context)

    def _tell(self, gather: ScatterGather, event: Event, what: str, context: Context) -> None:
        cause = self._store.request(gather.gather_id).metadata.event_id
        context.publish(event, event_id=timers.identity(gather.gather_id, what), causation_id=cause)

    def _gatherer(self, into: str) -> Gatherer:
        try:
            return self._handlers.gatherers[into]
        except KeyError:
            raise DeclarationError(f"{into}: nothing gathers it; declare a function with worker.gathers") from None

    def _wait(self, gather: ScatterGather, turn: int, context: Context) -> None:
        delay_s = timers.delay_s(gather, self._clock())
        self._wake(gather, WokenUp(gather_id=gather.gather_id, turn=turn), context, delay_s=delay_s)

    def _wake(self, gather: ScatterGather, timer: WokenUp | PartWasLate, context: Context, *, delay_s: int = 0) -> None:
        what = f"woken/{timer.turn}" if isinstance(timer, WokenUp) else f"late/{timer.index}"
        envelope = wrap(
            timer,
            event_id=timers.identity(gather.gather_id, what),
            correlation_id=context.metadata.correlation_id,
            causation_id=context.event_id,
            traceparent=context.metadata.traceparent,
        )
        self._timers.send(self._queue_url, envelope, delay_s)


def _fields(gather_id: str, part: Part) -> dict[str, object]:
    return {"gather_id": gather_id, "part": part.index}
