"""The asynchronous publisher keeps the promises of the other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from itertools import count
from typing import Any, cast

import pytest

from fanout import Event, Publisher, PublishError
from fanout.publish.aio import AsyncPublisher
from fanout.publish.batches import CLASSIC
from tests.unit.fanout.conftest import ThingHappened


class Bus:
    """PutEvents in memory; ``refused`` is every entry's error code."""

    def __init__(self, refused: str | None = None) -> None:
        self.calls: list[int] = []
        self.refused = refused
        self.gate = threading.Event()
        self.gate.set()

    def put_events(self, *, Entries: Sequence[Any]) -> dict[str, Any]:  # noqa: N803
        assert self.gate.wait(timeout=30)
        self.calls.append(len(Entries))
        answer = {"ErrorCode": self.refused, "ErrorMessage": "why"} if self.refused else {"EventId": "theirs"}
        return {"FailedEntryCount": 0, "Entries": [answer] * len(Entries)}


def publisher(bus: Bus, *, concurrency: int = 4) -> AsyncPublisher:
    return AsyncPublisher(Publisher(cast("Any", bus), "bus", concurrency=concurrency, sleep=lambda _: None))


async def things(drawn: list[int], most: int | None = None) -> AsyncIterator[Event]:
    for number in count() if most is None else range(most):
        drawn[0] += 1
        yield ThingHappened(number=number)
        await asyncio.sleep(0)


def test_receipts_come_in_order() -> None:
    """GIVEN an asynchronous generator WHEN published THEN each event has its receipt, in order, in full calls."""
    bus = Bus()

    async def main() -> list[int]:
        async with publisher(bus) as shared:
            return [receipt.envelope.data["number"] async for receipt in shared.publish_all(things([0], 95))]

    assert asyncio.run(main()) == list(range(95))
    assert sorted(bus.calls) == [5] + [10] * 9


def test_a_list_will_do() -> None:
    """GIVEN a list WHEN published THEN its receipts come."""

    async def main() -> list[bool]:
        async with publisher(Bus()) as shared:
            return [r.accepted async for r in shared.publish_all([ThingHappened(number=n) for n in range(3)])]

    assert asyncio.run(main()) == [True] * 3


def test_an_endless_stream_is_published_in_constant_memory() -> None:
    """GIVEN a generator without end WHEN receipts are taken one by one THEN it is never further ahead than the calls
    under way and one batch more; and to stop is to stop cleanly."""
    drawn = [0]

    async def main() -> None:
        async with publisher(Bus(), concurrency=2) as shared:
            receipts = shared.publish_all(things(drawn))
            seen = 0
            async for _ in receipts:
                seen += 1
                assert drawn[0] - seen <= (2 + 1) * CLASSIC.max_entries
                if seen == 200:
                    break
            await cast("Any", receipts).aclose()

    asyncio.run(main())
    assert not [t for t in threading.enumerate() if t.name.startswith("publish")]


def test_receipts_that_are_dropped_before_the_last_are_complained_of(caplog: pytest.LogCaptureFixture) -> None:
    """GIVEN more events than there are calls under way for WHEN the consumer stops at the first receipt THEN an error
    says that the rest was not published."""

    async def main() -> None:
        async with publisher(Bus(), concurrency=2) as shared:
            async for _ in shared.publish_all([ThingHappened(number=number) for number in range(100)]):
                break

    with pytest.warns(ResourceWarning, match="were not published"):
        asyncio.run(main())

    assert "were not published" in caplog.text


def test_the_loop_runs_on_while_calls_are_under_way() -> None:
    """GIVEN a bus that does not answer WHEN published THEN other tasks of the loop run, one of which frees it."""
    bus = Bus()
    bus.gate.clear()

    async def free() -> None:
        bus.gate.set()

    async def main() -> bool:
        async with publisher(bus) as shared:
            receipt, _ = await asyncio.gather(shared.publish(ThingHappened(number=1)), free())
            return receipt.accepted

    assert asyncio.run(main())


def test_cancelled_it_waits_for_what_is_under_way() -> None:
    """GIVEN calls under way WHEN the consumer is cancelled THEN it ends when they have ended."""
    bus = Bus()
    bus.gate.clear()

    async def consume(shared: AsyncPublisher, started: asyncio.Event) -> None:
        async def events() -> AsyncIterator[Event]:
            async for event in things([0], 30):
                yield event
            started.set()

        async for _ in shared.publish_all(events()):
            pass

    async def main() -> None:
        async with publisher(bus) as shared:
            started = asyncio.Event()
            task = asyncio.create_task(consume(shared, started))
            await started.wait()
            task.cancel()
            bus.gate.set()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    assert bus.calls == [10, 10, 10]


def test_one_event_that_is_not_taken_is_an_error() -> None:
    """GIVEN a bus that takes nothing WHEN one event is published THEN the error says why."""

    async def main() -> None:
        async with publisher(Bus("InternalFailure")) as shared:
            await shared.publish(ThingHappened(number=1))

    with pytest.raises(PublishError, match=r"InternalFailure: why$"):
        asyncio.run(main())


def test_a_faulty_source_ends_the_stream() -> None:
    """GIVEN a generator that fails WHEN published THEN its error comes through."""

    async def faulty() -> AsyncIterator[Event]:
        yield ThingHappened(number=1)
        raise ZeroDivisionError

    async def main() -> None:
        async with publisher(Bus()) as shared:
            async for _ in shared.publish_all(faulty()):
                pass

    with pytest.raises(ZeroDivisionError):
        asyncio.run(main())


def test_receipts_that_nobody_asks_for_are_complained_of(caplog: pytest.LogCaptureFixture) -> None:
    """GIVEN events WHEN no receipt is taken THEN an error is logged and a warning given."""
    with pytest.warns(ResourceWarning, match="nothing was published"):
        AsyncPublisher(Publisher(cast("Any", None), "bus")).publish_all([])
    assert "nothing was published" in caplog.text
