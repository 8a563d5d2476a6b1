"""A function that is only measured has no effect but its handlers' own."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from fanout import Context, Reject, aws
from fanout_tools.operate.actions.tune import batch_of

from .conftest import MakeWorker, ThingFollowed, ThingHappened

BODY = json.dumps(
    {
        "version": "0",
        "id": "golden",
        "detail-type": "ThingHappened",
        "source": "test.things",
        "account": "1",
        "time": "2026-01-01T00:00:00Z",
        "region": "eu-central-1",
        "resources": [],
        "detail": {
            "metadata": {
                "event_id": "golden",
                "schema_version": 1,
                "correlation_id": "golden",
                "published_at": "2026-01-01T00:00:00Z",
            },
            "data": {"number": 1},
        },
    }
)


@pytest.mark.parametrize("mode", ["strict", "claim", "off"])
def test_batches_are_handled_each_time_and_nothing_is_sent(
    mode: str, make_worker: MakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIVEN FANOUT_TUNE WHEN two batches of one event come THEN each record is handled, and no AWS client is made."""
    monkeypatch.setenv("FANOUT_TUNE", "1")
    monkeypatch.setattr(aws, "client", _no_client)
    worker = make_worker(idempotency={"mode": mode}, publishes=["test.things/ThingFollowed"])
    handled: list[str] = []

    @worker.handles(ThingHappened)
    def handle(thing: ThingHappened, ctx: Context) -> None:
        handled.append(ctx.event_id)
        ctx.publish(ThingFollowed(number=2))
        if len(handled) == 20:
            raise Reject("the last one")

    context: Any = SimpleNamespace(aws_request_id="r", get_remaining_time_in_millis=lambda: 30_000)
    answers = [worker.lambda_handler(batch_of([BODY], 10), context) for _ in range(2)]

    assert len(set(handled)) == 20
    assert answers == [{"batchItemFailures": []}, {"batchItemFailures": []}]


def _no_client(service: str) -> None:
    raise AssertionError(f"a client of {service} was made")
