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
