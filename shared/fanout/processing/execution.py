"""Run the handlers for a batch's records: one after the other, several in threads, or as tasks.

What runs at once are chains: a record by itself, or the records of one FIFO message group, which must keep their
order. In a chain the records behind one that was not successful are not begun, unless the DLQ has that one.

1. Handlers that are plain functions, one at a time, are called in place: nothing is cheaper. The batch's timer
   (:mod:`fanout.processing.timing`) interrupts one that takes too long.
2. Else all run as tasks of one event loop. A coroutine whose time is up is cancelled; what it started in a thread may
   still run, so that its lock stays until it expires. No task outlives its batch.
3. A plain function among them runs in a thread, which cannot be stopped: as for what a coroutine started in one.

Whatever a handler raises, be it ``SystemExit``, is the outcome of its record alone.
"""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, NamedTuple

from fanout.errors import EventError
from fanout.events.envelope import Envelope
from fanout.idempotency import Store
from fanout.outcomes import Policies, Reject, RejectPolicy, Retry, single
from fanout.processing.context import Context
from fanout.processing.delivery import UNSUCCESSFUL, Delivery, Invocation
from fanout.processing.handlers import BatchHandler, Handlers, not_run
from fanout.processing.loop import GRACE_S, WorkerLoop
from fanout.processing.settings import Settings
from fanout.processing.timing import Pace, TimeUp, Watch
from fanout.telemetry import log_fields

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from fanout.gather.parts import Gathering

__all__ = ["Execution"]

log = logging.getLogger(__name__)

Chain = list[Delivery]


class _Ended(NamedTuple):
    """How a handler ended."""

    result: Any = None
    error: BaseException | None = None
    abandoned: bool = False
    """Its time was up, and what it started may still run."""


_DONE = _Ended()


@dataclass(eq=False, repr=False)
class Execution:
    """Runs the handlers of one worker."""

    settings: Settings
    handlers: Handlers
    policies: Policies
    store: Store | None
    pace: Pace
    gathers: Gathering | None = None
    """None: the worker neither scatters nor gathers."""
    out_of_the_way: Callable[[Delivery], bool] = lambda _: False
    """Of a FIFO record that failed: moves it to the DLQ if it is to go there; whether the records behind it may go
    on."""
    clock: Callable[[], float] = time.time
    _loop: WorkerLoop = field(default_factory=WorkerLoop, init=False)
    _pool: ThreadPoolExecutor | None = field(default=None, init=False)
    _stopped: set[str] = field(default_factory=set, init=False)
    """The message groups of which a record of this batch was not successful."""

    def begin_batch(self) -> None:
        """Forget the batch before."""
        self._stopped.clear()
        self.pace.begin_batch()

    def run(self, deliveries: Sequence[Delivery], invocation: Invocation, watch: Watch) -> None:
        """Give every undecided record its outcome, or leave it undecided when its handler returned."""
        # One timer for all of them: one for each record would be a system call more for each.
        watch.ring_in(self._left_s(invocation))
        chains = self._chains(deliveries)
        if self.handlers.batch is not None:
            self._run_batch(self.handlers.batch, chains, invocation, watch)
        elif self._in_place(watch):
            for chain in chains:
                for delivery in chain:  # as _turns, but without what a generator costs
                    envelope = self._begins(delivery, invocation)
                    if envelope is not None:
                        self._call(delivery, envelope, invocation, watch)
                    if self.settings.fifo:
                        self._stop(delivery)
        else:
            self._run_tasks(chains, invocation, watch)

    def _in_place(self, watch: Watch) -> bool:
        limited = self.settings.record_timeout_s is not None and not watch.in_force
        return self.settings.concurrency == 1 and not limited and not self.handlers.asynchronous

    def _chains(self, deliveries: Iterable[Delivery]) -> list[Chain]:
        if not self.settings.fifo:
            return [[delivery] for delivery in deliveries]
        groups: dict[str, Chain] = {}
        for delivery in deliveries:
            groups.setdefault(delivery.record.group or delivery.record.message_id, []).append(delivery)
        return list(groups.values())

    def _turns(self, chain: Chain, invocation: Invocation) -> Iterator[tuple[Delivery, Envelope]]:
        """The records of a chain that are to be begun, each after the one before it has ended."""
        for delivery in chain:
            envelope = self._begins(delivery, invocation)
            if envelope is not None:
                yield delivery, envelope
            if self.settings.fifo:
                self._stop(delivery)

    def _begins(self, delivery: Delivery, invocation: Invocation) -> Envelope | None:
        """The event of a record that is to begin now. One that may not goes back to the queue."""
        if delivery.outcome is not None:
            return None
        if self._stopped and delivery.record.group in self._stopped:
            delivery.retry(Retry("an earlier record of its message group failed"), delay_s=0)
            return None
        if not self.pace.allows(invocation.remaining_s()):
            delivery.postpone()
            return None
        delivery.begun, delivery.began_at = True, self.clock()
        return delivery.envelope

    def _stop(self, delivery: Delivery) -> None:
        group = delivery.record.group
        if group is None or group in self._stopped:
            return
        # A record that is in the DLQ comes no more, so that those behind it need not wait.
        if delivery.outcome in UNSUCCESSFUL and not self.out_of_the_way(delivery):
            self._stopped.add(group)

    def report_lost_parts(self, deliveries: Iterable[Delivery], invocation: Invocation) -> None:
        """Tell gathers of their parts that went to the DLQ without a word of their handlers."""
        lost = [
            self._context(delivery, delivery.envelope, invocation)
            for delivery in deliveries
            if delivery.dead_lettered
            and delivery.envelope is not None
            and delivery.envelope.metadata.gather is not None
            and delivery.envelope.identifier in self.handlers.parts
            and not delivery.part_failed
            and (delivery.begun or not isinstance(delivery.cause, Reject))  # other data under the part's id
        ]
        if lost:
            from fanout.gather.parts import report_lost

            report_lost(lost)

    def _left_s(self, invocation: Invocation) -> float:
        return self.pace.left_s(invocation.remaining_s())

    def _limit_s(self, invocation: Invocation) -> float:
        """How long a record that begins now may take."""
        left = self._left_s(invocation)
        return min(left, self.settings.record_timeout_s or left)

    # In place.

    def _call(self, delivery: Delivery, envelope: Envelope, invocation: Invocation, watch: Watch) -> None:
        began = time.monotonic()
        if self.settings.record_timeout_s is not None:
            watch.ring_in(self._limit_s(invocation))
        with log_fields(delivery.log_fields, delivery.personal):
            try:
                watch.interruptible = True
                result = self.handlers.call(envelope, self._context(delivery, envelope, invocation))
                # At once, lest the timer fails a record that has been handled.
                watch.interruptible = False
                if result is None:
                    ended = _DONE
                elif isawaitable(result):  # of a callable object, or a plain function around a coroutine
                    ended = self._await_alone(result, self._limit_s(invocation), invocation, watch)
                else:
                    ended = _Ended(result)
            except TimeUp:
                ended = _Ended(error=self._overdue(time.monotonic() - began))
            except BaseException as error:  # noqa: BLE001 - whatever is raised is that record's outcome
                ended = _Ended(error=error)
            watch.interruptible = False  # also when the handler raised
            if ended is not _DONE:
                self._ended(delivery, ended)
        delivery.took_s = time.monotonic() - began
        self.pace.took(delivery.took_s)

    def _context(self, delivery: Delivery, envelope: Envelope, invocation: Invocation) -> Context:
        return Context(
            self.settings.worker,
            delivery,
            envelope.metadata,
            invocation.remaining_s,
            self.store,
            self.gathers,
            max_receives=self.settings.max_receives,
            publishes=self.settings.publishes,
        )

    def _ended(self, delivery: Delivery, ended: _Ended) -> None:
        delivery.abandoned = ended.abandoned
        error = ended.error or not_run(ended.result)
        if error is not None:
            self._raised(delivery, error)
        elif not delivery.committed:
            delivery.result = ended.result

    def _raised(self, delivery: Delivery, raised: BaseException) -> None:
        if delivery.committed:
            # Effect and completion are in the table: another try would find the event handled.
            log.error("the handler failed after its commit, which counts", exc_info=raised)
            return
        error = single(raised)
        policy = self.policies.of(error)
        if isinstance(error, Reject | EventError) or isinstance(policy, RejectPolicy):
            delivery.reject(error)
        else:
            delivery.retry(error, backoff=policy.backoff if policy else None)

    def _overdue(self, seconds: float) -> TimeoutError:
        return TimeoutError(f"the record was not handled within {seconds:.1f} s")

    def has_time(self, invocation: Invocation) -> bool:
        """Whether another record may begin."""
        return self.pace.allows(invocation.remaining_s())

    # As tasks.

    def _run(self, coroutine: Awaitable[Any], invocation: Invocation, watch: Watch) -> Any:
        # Later than the limits of the loop itself: rings only for a step that holds the loop up.
        watch.ring_in(self._left_s(invocation) + 3 * GRACE_S)
        watch.interruptible = True
        try:
            return self._loop.run(coroutine, partial(self._left_s, invocation))
        finally:
            watch.interruptible = False

    def _run_tasks(self, chains: Sequence[Chain], invocation: Invocation, watch: Watch) -> None:
        import asyncio

        try:
            self._run(self._tasks(chains, invocation), invocation, watch)
        except TimeUp:  # rang between two steps of the loop
            self._loop.leave()  # amid a step
            self._break_off(chains, self._overdue(self._left_s(invocation)))
        except asyncio.CancelledError as cancelled:  # a handler cancelled every task, these too
            self._break_off(chains, cancelled)
        if self._loop.cut_off:
            for delivery in (d for chain in chains for d in chain if d.begun):
                delivery.abandoned = True  # whose task it was, nobody knows

    def _break_off(self, chains: Sequence[Chain], error: BaseException) -> None:
        """Give back what was under way, which is begun and without a time that it took, and what has not begun."""
        for delivery in (d for chain in chains for d in chain if d.undecided and not d.took_s):
            if delivery.begun:
                delivery.abandoned = True
                delivery.retry(error)
            else:
                delivery.postpone()

    async def _tasks(self, chains: Sequence[Chain], invocation: Invocation) -> None:
        import asyncio

        at_once = asyncio.Semaphore(self.settings.concurrency)

        async def run(chain: Chain) -> None:
            async with at_once:
                for delivery, envelope in self._turns(chain, invocation):
                    context = self._context(delivery, envelope, invocation)
                    await self._await(partial(self._result, envelope, context), delivery, invocation)

        await asyncio.gather(*map(run, chains))

    def _await_alone(self, awaitable: Awaitable[Any], limit_s: float, invocation: Invocation, watch: Watch) -> _Ended:
        async def result() -> Any:
            return await awaitable

        try:
            ended: _Ended = self._run(self._limited(result, limit_s), invocation, watch)
        except TimeUp:  # rang between two steps of the loop
            self._loop.leave()
            ended = _Ended(error=self._overdue(limit_s), abandoned=True)
        watch.ring_in(self._left_s(invocation))
        return ended._replace(abandoned=ended.abandoned or self._loop.cut_off)

    async def _await(self, result: Callable[[], Awaitable[Any]], delivery: Delivery, invocation: Invocation) -> None:
        began = time.monotonic()
        with log_fields(delivery.log_fields, delivery.personal):
            self._ended(delivery, await self._limited(result, self._limit_s(invocation)))
        delivery.took_s = time.monotonic() - began
        self.pace.took(delivery.took_s)

    async def _limited(self, result: Callable[[], Awaitable[Any]], limit_s: float) -> _Ended:
        """How the coroutine ends within its limit. What it has started in threads goes on behind its end by the limit:
        nobody else may handle its records until their locks expire."""
        import asyncio

        task = asyncio.create_task(_ended_of(result))
        done, _ = await asyncio.wait({task}, timeout=limit_s)
        if not done:
            self._leave_threads()
            task.cancel()
            await asyncio.wait({task}, timeout=GRACE_S)
            # One that returned while it was cancelled has had its effect, and counts.
            if task.done() and task.result().error is None:
                return task.result()
        elif not isinstance(task.result().error, TimeUp):
            return task.result()
        return _Ended(error=self._overdue(limit_s), abandoned=True)

    async def _result(self, envelope: Envelope, context: Context) -> Any:
        if self.handlers.is_asynchronous(envelope):
            return await self.handlers.call(envelope, context)
        import asyncio

        # The context carries the fields of the record's log lines into the thread.
        call = partial(copy_context().run, _call_safely, partial(self.handlers.call, envelope, context))
        ended = await asyncio.get_running_loop().run_in_executor(self._threads(), call)
        return await ended.result if isawaitable(ended.result) else ended

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(self.settings.concurrency, thread_name_prefix="record")
            weakref.finalize(self, self._pool.shutdown, wait=False)
        return self._pool

    def _leave_threads(self) -> None:
        """A thread may be busy for who knows how long: the others get threads of their own."""
        if self._pool is not None:
            self._pool.shutdown(wait=False)
        self._pool = None

    # All at once.

    def _run_batch(self, handler: BatchHandler, chains: Sequence[Chain], invocation: Invocation, watch: Watch) -> None:
        # A list: all of them begin before the one call, so that none has an outcome that could stop its message group.
        turns = [turn for chain in chains for turn in self._turns(chain, invocation)]
        if not turns:
            return
        began = time.monotonic()
        with log_fields(None, lambda: _personal(turns)):
            ended = self._call_batch(handler, [envelope for _, envelope in turns], invocation, watch)
        took_s, error = time.monotonic() - began, ended.error or not_run(ended.result)
        for delivery, _ in turns:
            delivery.took_s = took_s  # nobody knows how it divides among them
            delivery.abandoned = ended.abandoned
            if error is not None:
                delivery.hides(_personal(turns))
                self._raised(delivery, error)
        self.pace.took(took_s)

    def _call_batch(
        self, handler: BatchHandler, envelopes: Sequence[Envelope], invocation: Invocation, watch: Watch
    ) -> _Ended:
        limit_s = self._limit_s(invocation)
        watch.ring_in(limit_s)
        try:
            watch.interruptible = True
            result = handler(envelopes)
            watch.interruptible = False
            return self._await_alone(result, limit_s, invocation, watch) if isawaitable(result) else _Ended(result)
        except TimeUp:
            return _Ended(error=self._overdue(limit_s))
        except BaseException as error:  # noqa: BLE001 - as for a single record
            return _Ended(error=error)
        finally:
            watch.interruptible = False


def _personal(turns: Iterable[tuple[Delivery, Envelope]]) -> frozenset[str]:
    """The personal values of all these events."""
    return frozenset[str]().union(*(delivery.personal() for delivery, _ in turns))


async def _ended_of(result: Callable[[], Awaitable[Any]]) -> _Ended:
    """How it ended, told rather than raised: asyncio lets SystemExit end the loop, and a cancelled task would say
    nothing of what was cancelled."""
    try:
        returned = await result()
        return returned if isinstance(returned, _Ended) else _Ended(returned)
    except BaseException as error:  # noqa: BLE001 - whatever is raised is that record's outcome
        return _Ended(error=error)


def _call_safely(call: Callable[[], Any]) -> _Ended:
    """In a thread: a future can hold every exception but StopIteration."""
    try:
        return _Ended(call())
    except BaseException as error:  # noqa: BLE001 - as above
        return _Ended(error=error)
