"""Run the handlers for a batch's records: one after the other, several in threads, or as tasks.

What runs at once are chains: a record by itself, or the records of one FIFO message group, which must keep their
order. In a chain the records behind one that was not successful are not begun.

1. Handlers that are plain functions, one at a time and without a time limit, are called in place: nothing is cheaper.
2. Else all run as tasks of one event loop. A coroutine whose time is up is cancelled.
3. A plain function among them runs in a thread, which cannot be stopped: its record is left to be retried, its claim
   kept until the lock expires, because the handler may still have its effect.
"""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from fanout.context import Context
from fanout.delivery import UNSUCCESSFUL, Delivery
from fanout.envelope import Envelope
from fanout.errors import EventError
from fanout.handlers import BatchHandler, Handlers
from fanout.idempotency import Store
from fanout.invocation import Invocation
from fanout.outcomes import Reject, Retry
from fanout.pace import RESERVE_S, Pace
from fanout.policies import Policies, RejectPolicy
from fanout.settings import Settings
from fanout.telemetry import log_fields

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    from fanout.gather.reports import Gathering

__all__ = ["Execution"]

log = logging.getLogger(__name__)

Chain = list[Delivery]


@dataclass(eq=False)
class Execution:
    """Runs the handlers of one worker."""

    settings: Settings
    handlers: Handlers
    policies: Policies
    store: Store | None
    pace: Pace
    gathers: Gathering | None = None
    """None: the worker neither scatters nor gathers."""
    _loop: asyncio.AbstractEventLoop | None = field(default=None, init=False)
    _pool: ThreadPoolExecutor | None = field(default=None, init=False)

    def run(self, deliveries: Sequence[Delivery], invocation: Invocation) -> None:
        """Give every open record its outcome, or leave it open when its handler returned."""
        if self.handlers.batch is not None:
            self._run_batch(self.handlers.batch, deliveries, invocation)
            return
        chains = self._chains(deliveries)
        one_by_one = self.settings.concurrency == 1 and self.settings.record_timeout_s is None
        if self.handlers.asynchronous or not one_by_one:
            self._run_tasks(chains, invocation)
            return
        for chain in chains:
            for delivery, envelope in self._turns(chain, invocation):
                self._call(delivery, envelope, invocation)

    def _chains(self, deliveries: Iterable[Delivery]) -> list[Chain]:
        if not self.settings.fifo:
            return [[delivery] for delivery in deliveries]
        groups: dict[str, Chain] = {}
        for delivery in deliveries:
            groups.setdefault(delivery.record.group or delivery.record.message_id, []).append(delivery)
        return list(groups.values())

    def _turns(self, chain: Chain, invocation: Invocation) -> Iterator[tuple[Delivery, Envelope]]:
        """The records of a chain that are to be begun, each after the one before it has ended."""
        stopped = False
        for delivery in chain:
            if delivery.open and stopped:
                delivery.retry(Retry("an earlier record of its message group failed"), delay_s=0)
            elif delivery.open and not self.pace.allows(invocation.remaining_s()):
                delivery.postpone()
            elif delivery.open and delivery.envelope is not None:
                yield delivery, delivery.envelope
            stopped = stopped or delivery.outcome in UNSUCCESSFUL

    # In place.

    def _call(self, delivery: Delivery, envelope: Envelope, invocation: Invocation) -> None:
        began = time.monotonic()
        with log_fields(delivery.log_fields):
            try:
                result = self.handlers.call(envelope, self._context(delivery, envelope, invocation))
                self._returned(delivery, result)
            except Exception as error:  # noqa: BLE001 - whatever befalls a record is that record's outcome
                self._raised(delivery, error)
        self.pace.took(time.monotonic() - began)

    def _context(self, delivery: Delivery, envelope: Envelope, invocation: Invocation) -> Context:
        worker, remaining_s = self.settings.worker, invocation.remaining_s
        return Context(
            worker,
            delivery,
            envelope.metadata,
            remaining_s,
            self.store,
            self.gathers,
            max_receives=self.settings.max_receives,
        )

    def _returned(self, delivery: Delivery, result: Any) -> None:
        if result is None:
            return
        orjson.dumps(result)  # what cannot be stored is the handler's mistake, not the batch's
        delivery.result = result

    def _raised(self, delivery: Delivery, error: Exception) -> None:
        if delivery.committed:
            log.error("the handler failed after its commit, which counts", exc_info=error)
            return
        policy = self.policies.of(error)
        if isinstance(error, Reject | EventError) or isinstance(policy, RejectPolicy):
            delivery.reject(error)
        else:
            delivery.retry(error, backoff=policy.backoff if policy else None)

    def _limit_s(self, invocation: Invocation) -> float:
        """How long a record that begins now may take."""
        left = max(0.0, invocation.remaining_s() - RESERVE_S)
        return min(left, self.settings.record_timeout_s or left)

    # As tasks.

    def _run_tasks(self, chains: Sequence[Chain], invocation: Invocation) -> None:
        import asyncio

        if self._loop is None:
            # One loop for the life of the worker: the clients that its handlers make belong to it.
            self._loop = asyncio.new_event_loop()
            weakref.finalize(self, self._loop.close)
        self._loop.run_until_complete(self._tasks(chains, invocation))

    async def _tasks(self, chains: Sequence[Chain], invocation: Invocation) -> None:
        import asyncio

        at_once = asyncio.Semaphore(self.settings.concurrency)

        async def run(chain: Chain) -> None:
            async with at_once:
                for delivery, envelope in self._turns(chain, invocation):
                    await self._await(delivery, envelope, invocation)

        await asyncio.gather(*map(run, chains))

    async def _await(self, delivery: Delivery, envelope: Envelope, invocation: Invocation) -> None:
        import asyncio

        began, limit_s = time.monotonic(), self._limit_s(invocation)
        with log_fields(delivery.log_fields):
            try:
                async with asyncio.timeout(limit_s) as timer:
                    result = await self._result(envelope, self._context(delivery, envelope, invocation))
                self._returned(delivery, result)
            except Exception as error:  # noqa: BLE001 - whatever befalls a record is that record's outcome
                if timer.expired():
                    self._overdue(delivery, envelope, limit_s)
                else:
                    self._raised(delivery, error)
        self.pace.took(time.monotonic() - began)

    async def _result(self, envelope: Envelope, context: Context) -> Any:
        if self.handlers.is_asynchronous(envelope):
            return await self.handlers.call(envelope, context)
        import asyncio

        call = partial(copy_context().run, self.handlers.call, envelope, context)
        return await asyncio.get_running_loop().run_in_executor(self._threads(), call)

    def _overdue(self, delivery: Delivery, envelope: Envelope, limit_s: float) -> None:
        if delivery.committed:
            return
        delivery.retry(TimeoutError(f"the record was not handled within {limit_s:.1f} s"))
        if not self.handlers.is_asynchronous(envelope):
            delivery.abandoned = True
            # Its thread is busy for who knows how long: the others get threads of their own.
            if self._pool is not None:
                self._pool.shutdown(wait=False)
            self._pool = None

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(self.settings.concurrency, thread_name_prefix="record")
            weakref.finalize(self, self._pool.shutdown, wait=False)
        return self._pool

    # All at once.

    def _run_batch(self, handler: BatchHandler, deliveries: Sequence[Delivery], invocation: Invocation) -> None:
        turns = [turn for chain in self._chains(deliveries) for turn in self._turns(chain, invocation)]
        if not turns:
            return
        began = time.monotonic()
        try:
            handler([envelope for _, envelope in turns])
        except Exception as error:  # noqa: BLE001 - as for a single record
            for delivery, _ in turns:
                self._raised(delivery, error)
        self.pace.took(time.monotonic() - began)
