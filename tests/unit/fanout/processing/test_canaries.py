"""Canaries in a batch: told of, and nothing else."""

import json
from typing import Any

import pytest

from fanout import Context, Envelope, Outcome
from fanout.processing.delivery import Record
from fanout.testing import Rig, record, record_of

from ..conftest import MakeWorker, ThingHappened, outcomes


def canary(number: int, *, name: str = "ThingHappened", group: str | None = None) -> Record:
    """A canary of the things, which came 40 ms after the queue took it."""
    detail = {"fanout-canary": f"0a1b-{number}", "metadata": {"event_id": "e"}, "data": {"number": number}}
    event = {"source": "canary.test.things", "detail-type": name, "detail": detail}
    return record(json.dumps(event), sent_ms=1_000, group=group)._replace(first_received_ms=1_040)


def told(text: str) -> list[dict[str, Any]]:
    return [line for line in map(json.loads, text.splitlines()) if "canary" in line]


def test_a_canary_reaches_neither_handler_nor_fence(
    make_worker: MakeWorker, capsys: pytest.CaptureFixture[str]
) -> None:
    """GIVEN canaries around an event WHEN the batch is processed THEN the event alone is handled and remembered, and
    the log has a line for each canary, with the times of its hops."""
    worker, seen = make_worker(), []
    worker.handles(ThingHappened)(lambda event, _: seen.append(event.number))
    rig = Rig(worker)

    deliveries = rig.deliver(canary(1), record_of(ThingHappened(number=7)), canary(2))

    assert (outcomes(deliveries), seen, rig.sqs_calls) == ([Outcome.HANDLED], [7], [])
    first, second = told(capsys.readouterr().out)
    assert first["told_ms"] > 1_040
    del first["told_ms"]
    assert first == {
        "canary": "0a1b-1",
        "worker": "probe",
        "event": "test.things/ThingHappened",
        "has_handler": True,
        "sent_ms": 1_000,
        "first_received_ms": 1_040,
        "receives": 1,
    }
    assert second["canary"] == "0a1b-2"


def test_an_event_without_a_handler_shows(make_worker: MakeWorker, capsys: pytest.CaptureFixture[str]) -> None:
    """GIVEN no handler of the event WHEN its canary comes THEN the line says so: an event would be rejected."""
    Rig(make_worker()).deliver(canary(1))

    assert [line["has_handler"] for line in told(capsys.readouterr().out)] == [False]


def test_a_handler_of_batches_handles_every_event(make_worker: MakeWorker, capsys: pytest.CaptureFixture[str]) -> None:
    """GIVEN a handler of batches WHEN a canary comes THEN it sees nothing, and the line says that it has a handler."""
    seen: list[Envelope] = []
    worker = make_worker()
    worker.handles_batch(seen.extend)

    assert Rig(worker).deliver(canary(1)) == []
    assert seen == []
    assert [line["has_handler"] for line in told(capsys.readouterr().out)] == [True]


def test_a_canary_leaves_its_group_in_order(make_worker: MakeWorker) -> None:
    """GIVEN a canary in a FIFO group behind an event that fails WHEN processed THEN it is done with, and the event
    behind it still waits for the failed one."""
    worker = make_worker(via="bus", queue={"fifo": True})

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        if event.number == 1:
            raise ZeroDivisionError("poison")

    deliveries = Rig(worker).deliver(
        record_of(ThingHappened(number=1), group="g"),
        canary(9, group="g"),
        record_of(ThingHappened(number=2), group="g"),
    )

    assert outcomes(deliveries) == [Outcome.RETRIED, Outcome.RETRIED]
