"""Handlers that are not plain functions: what becomes of their records."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import pytest

from fanout import Context, DeclarationError, Envelope, Outcome
from fanout.testing import Rig

from ..conftest import MakeWorker, ThingHappened, outcomes
from .support import things


def test_a_coroutine_function_may_handle_batches(make_worker: MakeWorker) -> None:
    """GIVEN an async batch handler WHEN a batch comes THEN it is awaited to its end."""
    worker, seen = make_worker(), list[int]()

    @worker.handles_batch
    async def handle(envelopes: Sequence[Envelope]) -> None:
        await asyncio.sleep(0)
        seen.extend(envelope.data["number"] for envelope in envelopes)

    assert outcomes(Rig(worker).deliver(*things(3))) == [Outcome.HANDLED] * 3
    assert seen == [0, 1, 2]


def test_a_generator_is_refused_when_it_is_declared(make_worker: MakeWorker) -> None:
    """GIVEN a generator function WHEN it is declared a handler THEN the error names it."""
    worker = make_worker()

    def handle_all(envelopes: Sequence[Envelope]) -> Iterator[int]:
        yield 1

    async def handle_one(event: ThingHappened, context: Context) -> AsyncIterator[int]:
        yield 1

    with pytest.raises(DeclarationError, match="handle_all: is a generator"):
        worker.handles_batch(handle_all)
    with pytest.raises(DeclarationError, match="handle_one: is a generator"):
        worker.handles(ThingHappened)(handle_one)


class _Yields:
    def __call__(self, _: object, __: object = None) -> Iterator[int]:
        yield 1


def test_an_object_whose_call_is_a_generator_is_refused(make_worker: MakeWorker) -> None:
    """GIVEN an object with a generator for its __call__ WHEN it is declared a handler THEN the error names it."""
    worker = make_worker()

    with pytest.raises(DeclarationError, match=r"_Yields.__call__: is a generator"):
        worker.handles(ThingHappened)(_Yields())
    with pytest.raises(DeclarationError, match=r"_Yields.__call__: is a generator"):
        worker.handles_batch(_Yields())


async def _yields_later() -> AsyncIterator[int]:
    yield 1


async def _forgotten() -> None: ...


NOT_RUN: dict[str, Callable[[], Any]] = {
    "a generator": lambda: _Yields()(None),
    "an asynchronous generator": _yields_later,
    "a coroutine": _forgotten,
}


@pytest.mark.parametrize("concurrency", [1, 2])
@pytest.mark.parametrize("code", NOT_RUN.values(), ids=NOT_RUN)
def test_what_a_handler_returned_and_nobody_ran_is_its_failure(
    make_worker: MakeWorker, code: Callable[[], Any], concurrency: int
) -> None:
    """GIVEN handlers, of one event and of a batch, that return code in place of running it WHEN a record comes THEN it
    is not handled, and its failure says so."""

    async def handle(event: ThingHappened, _: Context) -> Any:
        return code()

    async def handle_all(envelopes: Sequence[Envelope]) -> Any:
        return code()

    one, all_at_once = make_worker(batch={"concurrency": concurrency}), make_worker()
    one.handles(ThingHappened)(handle)
    all_at_once.handles_batch(handle_all)

    for worker in (one, all_at_once):
        [delivery] = Rig(worker).deliver(*things(1))
        assert delivery.outcome is Outcome.RETRIED
        assert isinstance(delivery.cause, TypeError)
        assert "not run" in str(delivery.cause)


@pytest.mark.parametrize("concurrency", [1, 2])
def test_a_generator_behind_a_plain_decorator_is_a_failure(make_worker: MakeWorker, concurrency: int) -> None:
    """GIVEN a generator function that a decorator hides WHEN a record comes THEN it is not handled."""
    worker = make_worker(batch={"concurrency": concurrency})
    worker.handles(ThingHappened)(lambda event, context: _Yields()(event, context))

    [delivery] = Rig(worker).deliver(*things(1))

    assert delivery.outcome is Outcome.RETRIED
    assert "_Yields.__call__, not run" in str(delivery.cause)


class _Callable:
    def __init__(self) -> None:
        self.seen: list[int] = []

    async def __call__(self, event: ThingHappened, _: Context) -> None:
        await asyncio.sleep(0)
        self.seen.append(event.number)


def test_a_callable_object_and_a_decorated_coroutine_are_awaited(make_worker: MakeWorker) -> None:
    """GIVEN an object with an async __call__, and a plain decorator around a coroutine function WHEN records come THEN
    both are awaited."""
    worker, handler = make_worker(), _Callable()
    worker.handles(ThingHappened)(handler)
    assert outcomes(Rig(worker).deliver(*things(2))) == [Outcome.HANDLED] * 2
    assert handler.seen == [0, 1]

    for concurrency in (1, 2):
        other, seen = make_worker(batch={"concurrency": concurrency}), list[int]()

        async def handle(event: ThingHappened, _: Context, seen: list[int] = seen) -> None:
            await asyncio.sleep(0)
            seen.append(event.number)

        def decorated(event: ThingHappened, context: Context, handle: Callable[..., Any] = handle) -> Any:
            return handle(event, context)

        other.handles(ThingHappened)(decorated)
        assert outcomes(Rig(other).deliver(*things(2))) == [Outcome.HANDLED] * 2
        assert sorted(seen) == [0, 1]


def test_what_a_left_task_leaves_in_its_turn_ends_with_the_batch(
    make_worker: MakeWorker, caplog: pytest.LogCaptureFixture
) -> None:
    """GIVEN a handler that leaves a task running, which leaves another WHEN the batch ends THEN both have ended, and
    the log names both."""
    worker, ended, tasks = make_worker(), list[str](), set[asyncio.Task[None]]()

    async def steps() -> None:
        for _ in range(10):  # more than it takes to see that the handler, or the first, has ended
            await asyncio.sleep(0)

    async def second() -> None:
        await steps()
        ended.append("second")

    async def first() -> None:
        await steps()
        tasks.add(asyncio.create_task(second()))
        ended.append("first")

    @worker.handles(ThingHappened)
    async def handle(event: ThingHappened, _: Context) -> None:
        tasks.add(asyncio.create_task(first()))

    assert outcomes(Rig(worker).deliver(*things(1))) == [Outcome.HANDLED]
    assert ended == ["first", "second"]
    assert all(f"{name} running; it was awaited" in caplog.text for name in ("first", "second"))
