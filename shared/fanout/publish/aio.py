"""The publisher for asynchronous programs: the same entries, calls and receipts, made by the same threads.

botocore knows no asyncio; a second HTTP stack beside it would be one more to keep secure and to tune.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable
from typing import Self

from fanout.events.envelope import Envelope
from fanout.events.event import Event
from fanout.publish.batches import AsyncReceipts, Drawn, Entry, Receipt
from fanout.publish.publisher import Publisher

__all__ = ["AsyncPublisher"]


class AsyncPublisher:
    """Publishes by way of a :class:`Publisher`, without holding up the event loop::

    async with AsyncPublisher(Publisher.connect(bus)) as publisher:
        async for receipt in publisher.publish_all(events()):
            ...
    """

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    async def publish(self, event: Event | Envelope) -> Receipt:
        """Publish one event.

        :raises PublishError: the bus did not take it.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._publisher.pool, self._publisher.publish, event)

    def publish_all(self, events: AsyncIterable[Event | Envelope] | Iterable[Event | Envelope]) -> AsyncReceipts:
        """A receipt for each event, in order, with the backpressure of :meth:`Publisher.publish_all`: no more is taken
        from ``events`` than calls are under way for. Cancelled or closed early, it first waits for those calls."""
        drawn = Drawn()
        return AsyncReceipts(self._publish_all(events, drawn), drawn)

    async def _publish_all(
        self, events: AsyncIterable[Event | Envelope] | Iterable[Event | Envelope], drawn: Drawn
    ) -> AsyncGenerator[Receipt, None]:
        under_way: deque[asyncio.Future[list[Receipt]]] = deque()
        try:
            async for batch in self._batches(events, drawn):
                under_way.append(self._send(batch))
                if len(under_way) > self._publisher.concurrency:
                    for receipt in await under_way.popleft():
                        yield receipt
            while under_way:
                for receipt in await under_way.popleft():
                    yield receipt
        finally:
            if under_way:
                await asyncio.wait(under_way)

    async def close(self) -> None:
        """Wait for the calls under way and end the threads."""
        await asyncio.to_thread(self._publisher.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _send(self, batch: list[Entry]) -> asyncio.Future[list[Receipt]]:
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._publisher.pool, self._publisher.sender.send, batch)

    async def _batches(
        self, events: AsyncIterable[Event | Envelope] | Iterable[Event | Envelope], drawn: Drawn
    ) -> AsyncIterator[list[Entry]]:
        batcher = self._publisher.batcher()
        async for event in _each(events):
            if batch := batcher.add(self._publisher.entry(event)):
                yield batch
        drawn.all = True
        if batch := batcher.rest():
            yield batch


async def _each(
    events: AsyncIterable[Event | Envelope] | Iterable[Event | Envelope],
) -> AsyncIterator[Event | Envelope]:
    if isinstance(events, AsyncIterable):
        async for event in events:
            yield event
        return
    for event in events:
        yield event
