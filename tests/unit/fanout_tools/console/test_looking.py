"""What a console's looks ask of AWS, and what is counted of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fanout.idempotency.client import Credentials
from fanout_tools.console.ledger import METRICS, Ledger
from fanout_tools.console.looking import Looking
from fanout_tools.operate.sources.metrics import OVERVIEW, Window
from fanout_tools.operate.status import Numbers
from fanout_tools.operate.topology import Topology
from tests.unit.fanout_tools.operate.conftest import StandIn, deployment
from tests.unit.fanout_tools.operate.test_status import Aws

WINDOW = Window(1_800_000_000.0, 1_800_000_900.0)


def looking(topology: Topology, **more: Any) -> Looking:
    return Looking(topology, Ledger(), lambda: Credentials("key", "secret"), **more)


def test_metrics_are_paid_for_when_they_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN numbers that are kept WHEN all workers are looked at twice, then one THEN the metrics of all are counted
    once, and those of the one beside."""
    aws, topology = Aws(), deployment("billing", "loyalty")
    console = looking(topology, numbers=Numbers(60.0, clock=lambda: 0.0))
    for workers in ([], [], [topology.worker("billing")]):
        aws.run(lambda _, some=workers: console.look(WINDOW, some), monkeypatch)  # type: ignore[misc]
    assert console.ledger.calls[METRICS] == 3 * len(OVERVIEW)
    assert console.ledger.calls["sqs:GetQueueAttributes"] > 8


class Logs(StandIn):
    """Logs Insights, which finds these lines of a worker."""

    def __init__(self, **lines: list[dict[str, Any]]) -> None:
        super().__init__(self.told)
        self.lines = lines
        self.worker = ""

    def told(self, operation: str, asked: dict[str, Any]) -> Any:
        if operation == "StartQuery":
            self.worker = asked["logGroupNames"][0].rpartition("-")[2]
            return {"queryId": self.worker}
        rows = [self._row(asked["queryId"], second, line) for second, line in enumerate(self.lines[self.worker])]
        return {"status": "Complete", "results": rows}

    def _row(self, worker: str, second: int, line: dict[str, Any]) -> list[dict[str, str]]:
        told = {
            "@timestamp": f"2027-01-15 08:00:{second:02}.000",
            "@message": json.dumps(line),
            "@log": f"123456789012:/aws/lambda/shop-prod-{worker}",
        }
        return [{"field": name, "value": value} for name, value in told.items()]


def test_the_causes_of_the_newest_version_are_those_that_the_one_before_had_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """GIVEN a worker of two versions and one that was never deployed anew WHEN compared THEN the first is told with
    its new cause, and each is one query."""
    batches = [{"received": 1, "handled": 1, "batch_ms": 9.0, "function_version": it} for it in ("41", "42")]
    failed = {
        "level": "ERROR",
        "message": "no",
        "outcome": "rejected",
        "error_type": "Reject",
        "error_at": "handler.py:31",
    }
    logs = Logs(billing=[*batches, {**failed, "function_version": "42"}], loyalty=batches[:1])
    topology = deployment("billing", "loyalty")
    console = looking(topology)

    [found] = logs.run(lambda _: console.causes(list(topology.workers.values())), monkeypatch)

    assert (found.worker, dict(found.new_causes)) == ("billing", {"Reject handler.py:31": 1})
    assert console.ledger.calls["logs:StartQuery"] == 2
