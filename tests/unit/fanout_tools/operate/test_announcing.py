"""Operations are events too, which nothing depends on."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from botocore.exceptions import EndpointConnectionError

from fanout.events.envelope import Envelope
from fanout_tools.operate.announcing import Announcer
from fanout_tools.operate.journal import Head, Journal, Status
from scripts.reliability.model.errors import refusal
from tests.unit.fanout_tools.operate.mortal import Deployment


class Bus:
    """Keeps what it is given, or answers otherwise."""

    def __init__(self, answer: Any = None) -> None:
        self.entries: list[dict[str, Any]] = []
        self.answer = answer

    def put_events(self, **request: Any) -> dict[str, Any]:
        if isinstance(self.answer, Exception):
            raise self.answer
        self.entries += request["Entries"]
        return {"FailedEntryCount": 0, "Entries": [self.answer or {"EventId": "1"}]}


def run(bus: Bus) -> tuple[list[str], Journal]:
    """An operation from its beginning to its end; what was complained of."""
    deployment, complaints = Deployment(), list[str]()
    announcer = Announcer(lambda: bus, "shop-prod", complaints.append)
    table = deployment.topology.names.operations_table
    journal = Journal(deployment.dynamodb, table, "me", deployment.clock.time, announcer)  # type: ignore[arg-type]
    journal.open(
        Head(
            operation="op-1",
            kind="redrive",
            worker="billing",
            why="fixed in v43",
            who="ann",
            started_at="2026-11-28T00:00:00+00:00",
            total=3,
            plan={"before": "a payload"},
        )
    )
    journal.close("op-1", Status.RUNNING)
    journal.close("op-1", Status.STOPPED, carried=1, refused={"m-1": "no", "m-2": "no"}, stopped="throttled")
    return complaints, journal


def test_an_operation_is_told_when_it_begins_and_when_it_ends() -> None:
    bus = Bus()

    assert run(bus)[0] == []

    assert [entry["EventBusName"] for entry in bus.entries] == ["shop-prod"] * 2
    began, ended = (
        Envelope.decode(
            orjson.dumps(
                {"source": it["Source"], "detail-type": it["DetailType"], "detail": orjson.loads(it["Detail"])}
            )
        )
        for it in bus.entries
    )
    assert (began.identifier, ended.identifier) == ("fanout.ops/OperationStarted", "fanout.ops/OperationFinished")
    assert began.metadata.correlation_id == ended.metadata.correlation_id == "op-1"
    assert began.data == {
        "operation": "op-1",
        "kind": "redrive",
        "worker": "billing",
        "why": "fixed in v43",
        "who": "ann",
        "started_at": "2026-11-28T00:00:00+00:00",
        "total": 3,
    }
    assert ended.data == {
        "operation": "op-1", "status": "stopped", "carried": 1, "refused": 2, "stopped": "throttled",
    }  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    [
        refusal("AccessDeniedException", "PutEvents"),
        EndpointConnectionError(endpoint_url="https://events"),
        {"ErrorCode": "InternalFailure", "ErrorMessage": "later"},
    ],
    ids=["refused", "unreachable", "not taken"],
)
def test_a_bus_that_takes_nothing_makes_no_operation_fail(answer: Any) -> None:
    complaints, journal = run(Bus(answer))

    assert len(complaints) == 2
    assert all("of op-1 is in the journal alone" in text for text in complaints)
    assert journal.read("op-1").head.status is Status.STOPPED
