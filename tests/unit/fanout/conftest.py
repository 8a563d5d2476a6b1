"""A worker and an event for the core's tests."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from fanout import Event, Outcome, Worker
from fanout.processing.delivery import Delivery


class ThingHappened(Event, source="test.things", version=1):
    """Something happened in a test."""

    number: int


class ThingFollowed(Event, source="test.things", version=1):
    """Something followed from it."""

    number: int


MakeWorker = Callable[..., Worker]


@pytest.fixture
def make_worker(tmp_path: Path) -> MakeWorker:
    """Make a worker of a folder ``probe`` whose ``worker.yaml`` has the given sections."""

    def make(**sections: Any) -> Worker:
        folder = tmp_path / "services" / "probe"
        folder.mkdir(parents=True, exist_ok=True)
        declared = {
            "description": "A probe",
            "subscribes": [{"event": "test.things/ThingHappened"}],
            **sections,
        }
        (folder / "worker.yaml").write_text(yaml.safe_dump(declared))
        return Worker(str(folder / "handler.py"))

    return make


def outcomes(deliveries: Iterable[Delivery]) -> list[Outcome | None]:
    """What became of each record."""
    return [delivery.outcome for delivery in deliveries]
