"""The app under soak."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from scripts.soak import app as module
from tests.e2e.router.apps import Message


async def live(until: Callable[[], bool]) -> list[str]:
    """Start the app, and shut it down once something is so; what it has said."""
    told: asyncio.Queue[Message] = asyncio.Queue()
    said: list[str] = []

    async def send(message: Message) -> None:
        said.append(message["type"])

    app = asyncio.create_task(module.app({"type": "lifespan"}, told.get, send))
    told.put_nowait({"type": "lifespan.startup"})
    while not (said and until()):
        await asyncio.sleep(0)
    told.put_nowait({"type": "lifespan.shutdown"})
    await app
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return said


def test_free_memory_goes_back_as_long_as_the_app_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    trimmed: list[int] = []
    monkeypatch.setattr(module, "TRIMMED_EVERY_S", 0)
    monkeypatch.setattr("scripts.soak.app.ctypes.CDLL", lambda _: SimpleNamespace(malloc_trim=trimmed.append))
    said = asyncio.run(live(lambda: len(trimmed) > 2))
    assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert set(trimmed) == {0}


def test_another_allocator_than_glibcs_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.soak.app.ctypes.CDLL", lambda _: SimpleNamespace())
    assert asyncio.run(live(lambda: True)) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
