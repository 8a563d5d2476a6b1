"""The publisher: events in, receipts out."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import chain
from threading import Lock
from typing import TYPE_CHECKING, Any, Self

from fanout import aws
from fanout.errors import PublishError
from fanout.events.envelope import Envelope
from fanout.events.event import Event
from fanout.events.wrap import wrap
from fanout.payloads import ClaimCheck
from fanout.publish.batches import Batcher, Drawn, Entry, Receipt, Receipts, Sender, entry_of, kind_of
from fanout.publish.routes import Routes

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

__all__ = ["Publisher"]


class Publisher:
    """Publishes to one bus over the connections of one client. Safe to share between threads.

    :param client: of ``events`` for a classic bus, of ``eventbridgev2`` for a bus of the second kind.
    :param bus: a classic bus's name or ARN; the ARN of one of the second kind (``...:event-busv2/...``).
    :param routes: what is known of the events' ways.
    :param claim_check: where data go that are too large for their way; without it such events are refused.
    :param concurrency: PutEvents calls under way at once.
    :param sleep: how to wait between attempts; tests give their own.
    """

    def __init__(
        self,
        client: EventBridgeClient | Any,
        bus: str,
        *,
        routes: Routes | None = None,
        claim_check: ClaimCheck | None = None,
        concurrency: int = 8,
        sleep: Callable[[float], None] = time.sleep,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.concurrency = concurrency
        self.sender = Sender(client, bus, claim_check, sleep, uniform)
        """Of one batch at a time, for :class:`fanout.publish.aio.AsyncPublisher`."""
        self._routes = routes or Routes()
        self._claim_check = claim_check
        self._kind = kind_of(bus)
        self._pool: ThreadPoolExecutor | None = None
        self._lock = Lock()

    @classmethod
    def connect(cls, bus: str, *, routes: Routes | None = None, claim_check: ClaimCheck | None = None) -> Self:
        """A publisher with the process's own client for that kind of bus."""
        return cls(aws.client(kind_of(bus).service), bus, routes=routes, claim_check=claim_check)

    def publish(self, event: Event | Envelope) -> Receipt:
        """Publish one event.

        :raises PublishError: the bus did not take it.
        """
        [receipt] = self.sender.send([self.entry(event)])
        if not receipt.accepted:
            raise PublishError(f"{receipt.envelope.identifier} {receipt.envelope.metadata.event_id}: {receipt.error}")
        return receipt

    def publish_all(self, events: Iterable[Event | Envelope]) -> Receipts:
        """A receipt for each event, in order. Takes from ``events`` no more than it has calls under way for, so that
        a generator of any length is published in constant memory. Nothing is published before the first receipt is
        asked for; when none ever is, or the rest is dropped without :meth:`Receipts.close`, an error is logged."""
        drawn = Drawn()
        return Receipts(self._publish_all(events, drawn), drawn)

    def _publish_all(self, events: Iterable[Event | Envelope], drawn: Drawn) -> Generator[Receipt, None, None]:
        batches = self._batches(events, drawn)
        first, second = next(batches, None), next(batches, None)
        if first is not None and second is not None:
            yield from self._concurrently(chain((first, second), batches))
        elif first is not None:  # one call needs no second thread
            yield from self.sender.send(first)

    def close(self) -> None:
        """Wait for the calls under way and end the threads. Publishing again starts new ones."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # For the asynchronous form, which differs in how it waits.

    def entry(self, event: Event | Envelope) -> Entry:
        """The entry to send for an event."""
        envelope = event if isinstance(event, Envelope) else wrap(event)
        return entry_of(envelope, self._routes.of(envelope.identifier), self._claim_check)

    def batcher(self) -> Batcher:
        """An empty one, with the limits of this bus."""
        return Batcher(self._kind)

    @property
    def pool(self) -> ThreadPoolExecutor:
        """The threads that calls are made by, kept from call to call."""
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self.concurrency, thread_name_prefix="publish")
            return self._pool

    def _batches(self, events: Iterable[Event | Envelope], drawn: Drawn) -> Iterator[list[Entry]]:
        batcher = self.batcher()
        for event in events:
            if batch := batcher.add(self.entry(event)):
                yield batch
        drawn.all = True
        if batch := batcher.rest():
            yield batch

    def _concurrently(self, batches: Iterable[list[Entry]]) -> Iterator[Receipt]:
        under_way: deque[Future[list[Receipt]]] = deque()
        try:
            for batch in batches:
                under_way.append(self.pool.submit(self.sender.send, batch))
                if len(under_way) > self.concurrency:
                    yield from under_way.popleft().result()
            while under_way:
                yield from under_way.popleft().result()
        finally:
            wait(under_way)  # a caller that stops early must not leave calls that nobody hears of
