"""The page over all workers: what is asked for it, and what it tells."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from fanout_tools.operate.sources.metrics import Window
from fanout_tools.operate.status import NotDeployedError, Numbers, look
from fanout_tools.operate.topology import Place, Topology
from fanout_tools.operate.views.overview import Overview
from tests.unit.fanout_tools.operate.conftest import StandIn, deployment

WINDOW = Window(1_800_000_000.0, 1_800_000_900.0)


class Aws(StandIn):
    """A deployment whose queues, metrics and mappings are said."""

    def __init__(self, **said: Any) -> None:
        super().__init__(self.told)
        self.held: dict[str, tuple[int, int]] = said.get("held", {})
        self.sums: dict[tuple[str, str], float] = said.get("sums", {})
        self.disabled: set[str] = said.get("disabled", set())
        self.missing: set[str] = said.get("missing", set())
        self.alarms: list[str] = said.get("alarms", [])
        self.lines: dict[str, list[Any]] = said.get("lines", {})
        self.queues: list[str] = []

    def told(self, operation: str, asked: dict[str, Any]) -> Any:
        return getattr(self, operation)(asked)

    def GetQueueAttributes(self, asked: dict[str, Any]) -> Any:  # noqa: N802 - AWS's name
        name = asked["QueueUrl"].rpartition("/")[2]
        if name in self.missing:
            return 400, "QueueDoesNotExist"
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        return {"Attributes": dict(zip(names, map(str, self.held.get(name, (0, 0))), strict=True))}

    def GetMetricData(self, asked: dict[str, Any]) -> Any:  # noqa: N802 - AWS's name
        assert len(asked["MetricDataQueries"]) <= 500
        return {"MetricDataResults": [it for query in asked["MetricDataQueries"] for it in self._results(query)]}

    def _results(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        if "Expression" in query:
            found = {name: number for (name, metric), number in self.sums.items() if metric == "Errors"}
            return [{"Id": query["Id"], "Label": name, "Values": [number]} for name, number in found.items()]
        metric = query["MetricStat"]["Metric"]
        key = (metric["Dimensions"][-1]["Value"], metric["MetricName"])
        return [{"Id": query["Id"], "Label": "x", "Values": [self.sums[key]] if key in self.sums else []}]

    def DescribeAlarms(self, asked: dict[str, Any]) -> Any:  # noqa: N802 - AWS's name
        types = ["MetricAlarm", "CompositeAlarm"]
        assert asked == {"StateValue": "ALARM", "AlarmNamePrefix": "shop-prod-", "AlarmTypes": types}
        return {"MetricAlarms": [{"AlarmName": name, "AlarmDescription": "Read it"} for name in self.alarms]}

    def ListEventSourceMappings(self, asked: dict[str, Any]) -> Any:  # noqa: N802 - AWS's name
        queues = [asked["EventSourceArn"]] if "EventSourceArn" in asked else self.queues
        return {"EventSourceMappings": [{"EventSourceArn": it, "State": self._state(it)} for it in queues]}

    def _state(self, arn: str) -> str:
        return "Disabled" if arn.rpartition(":")[2] in self.disabled else "Enabled"

    def StartQuery(self, asked: dict[str, Any]) -> Any:  # noqa: N802 - AWS's name
        return {"queryId": "q"}

    def GetQueryResults(self, asked: dict[str, Any]) -> Any:  # noqa: N802 - AWS's name
        return {"status": "Complete", "results": []}

    def FilterLogEvents(self, asked: dict[str, Any]) -> Any:  # noqa: N802 - AWS's name
        worker = asked["logGroupName"].rpartition("shop-prod-")[2]
        if worker not in self.lines:
            return 400, "ResourceNotFoundException"
        at = int(WINDOW.end * 1000) - 500
        return {"events": [{"timestamp": at, "message": _text(line)} for line in self.lines[worker]]}

    def page(self, topology: Topology, monkeypatch: pytest.MonkeyPatch) -> Overview:
        self.queues = [topology.place.arn("sqs", it.queue) for it in topology.workers.values()]
        return self.run(lambda fast: look(fast, topology, WINDOW), monkeypatch)


def _text(line: Any) -> str:
    return line if isinstance(line, str) else json.dumps(line)


MANY = tuple(f"w{number:03}" for number in range(500))


def test_500_workers_are_seen_with_1010_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN 500 workers, one with dead letters, one paused WHEN looked at THEN both are told, by 1,010 calls."""
    aws = Aws(
        held={"shop-prod-w001-dlq": (3, 1), "shop-prod-w002": (7, 0)},
        sums={(name, "handled"): 150.0 for name in MANY},
        disabled={"shop-prod-w002"},
    )

    seen = aws.page(deployment(*MANY), monkeypatch)

    assert {row.worker: row.troubles for row in seen.workers if row.troubles} == {
        "w001": ("4 in its DLQ: fanout dlq group w001",),
        "w002": ("is paused, and 7 wait: fanout resume w002",),
    }
    assert sum(row.handled for row in seen.workers) == 500 * 150
    assert len(aws.asked) <= 1_010


def test_metrics_are_kept_from_look_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN numbers that are good for a minute WHEN looked at again and again THEN each look asks the queues, and the
    metrics and alarms are asked once a minute, and told all the while."""
    now = [0.0]
    numbers = Numbers(60.0, clock=lambda: now[0])
    aws = Aws(held={"shop-prod-billing": (1, 0)}, sums={("billing", "handled"): 9.0}, alarms=["shop-prod-x"])
    topology = deployment("billing")
    aws.queues = [topology.place.arn("sqs", it.queue) for it in topology.workers.values()]
    for moment, waiting in ((0.0, 1), (15.0, 5), (59.0, 0), (61.0, 2)):
        now[0], aws.held = moment, {"shop-prod-billing": (waiting, 0)}
        seen = aws.run(lambda fast: look(fast, topology, WINDOW, numbers=numbers), monkeypatch)
        [row] = seen.workers
        assert (row.waiting, row.handled, len(seen.alarms)) == (waiting, 9, 1)
    assert [operation for operation, _ in aws.asked].count("DescribeAlarms") == 2


def test_a_page_of_metrics_tells_outcomes_ages_and_deaths(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = Aws(
        held={"shop-prod-billing": (12, 2)},
        sums={
            ("billing", "handled"): 90.0,
            ("billing", "retried"): 9.0,
            ("shop-prod-billing", "ApproximateAgeOfOldestMessage"): 1200.0,
            ("shop-prod-billing", "Errors"): 2.0,
        },
    )

    [row] = aws.page(deployment("billing"), monkeypatch).workers

    assert (row.waiting, row.in_flight, row.age_s, row.handled, row.retried, row.died) == (12, 2, 1200.0, 90, 9, 2)
    assert row.per_s == 0.11
    assert row.troubles == (
        "its oldest event waits for 1200 s; its slo.age_s is 900",
        "2 of its invocations died: fanout logs billing",
    )


def test_what_came_to_no_worker_and_what_rings_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    arn = "arn:aws:states:eu-central-1:123456789012:stateMachine:shop-prod-fulfilment"
    aws = Aws(
        held={"shop-prod-unmatched": (5, 0)},
        alarms=["shop-prod-rules-lost"],
        sums={(arn, "ExecutionsFailed"): 1.0, (arn, "ExecutionsStarted"): 3.0},
    )

    seen = aws.page(deployment("billing", workflows=("fulfilment",)), monkeypatch)

    assert seen.stuck
    assert list(seen.troubles) == [
        "5 in shop-prod-unmatched: no worker subscribes to them",
        "workflow fulfilment: 1 executions failed",
        "alarm shop-prod-rules-lost: Read it",
    ]


def test_a_healthy_deployment_has_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Aws(sums={("billing", "handled"): 3.0}).page(deployment("billing", "audit"), monkeypatch)

    assert not seen.stuck
    assert len([it for it in seen.to_json() if "worker" in it]) == 2


def test_a_queue_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = {"shop-prod-audit", "shop-prod-audit-dlq"}
    seen = Aws(missing=missing).page(deployment("billing", "audit"), monkeypatch)

    assert {row.worker: row.troubles for row in seen.workers} == {"billing": (), "audit": ("is not deployed",)}


def test_nothing_that_is_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotDeployedError, match="queue shop-prod-billing does not exist; is shop-prod deployed there"):
        Aws(missing={"shop-prod-billing"}).page(deployment("billing"), monkeypatch)


EMULATED = Place("000000000000", "us-east-1", endpoint="http://127.0.0.1:1")


def test_on_an_emulator_the_logs_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN an emulator WHEN looked at THEN the logs tell counts, deaths and the last failure."""
    lines = [
        {"received": 10, "handled": 8, "rejected": 2, "batch_ms": 3.5, "_aws": {"Timestamp": int(WINDOW.end * 1000)}},
        {"received": 1, "handled": 1, "_aws": {"Timestamp": 1}},  # before the window
        {
            "level": "WARNING",
            "message": "dead-lettered: not in stock",
            "outcome": "rejected",
            "error_at": "handler.py:31",
        },
        "2026-11-28T12:00:00Z 9f2 Task timed out after 3.00 seconds",
        "REPORT RequestId: 9f2 Status: timeout",
    ]
    aws = Aws(lines={"inventory": lines}, disabled={"shop-prod-inventory"})

    seen = aws.page(deployment("inventory", "idle", place=EMULATED), monkeypatch)

    idle, inventory = seen.workers
    assert (inventory.received, inventory.handled, inventory.rejected, inventory.died) == (10, 8, 2, 1)
    assert inventory.last_error == "2026-11-28T12:00:00Z 9f2 Task timed out after 3.00 seconds"
    assert idle.received == 0
    assert not any(operation == "GetMetricData" for operation, _ in aws.asked)


def test_workers_of_ones_own_choice_are_asked_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    topology = deployment("billing", "audit", "idle", place=EMULATED)
    aws = Aws(lines={})
    seen = aws.run(lambda fast: look(fast, topology, WINDOW, [topology.worker("audit")]), monkeypatch)

    assert [row.worker for row in seen.workers] == ["audit"]
    assert seen.unheard == ()
    assert not replace(seen, workers=()).stuck
