"""What a worker's log tells as handled: all of it, or an error that says what is missing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from fanout_tools.operate.sources import logs
from fanout_tools.operate.sources.handled import LogGapError, handled
from fanout_tools.operate.sources.logs import Line
from fanout_tools.operate.sources.metrics import Window
from fanout_tools.operate.topology import Place
from tests.unit.fanout_tools.operate.conftest import StandIn, deployment

DAY_S = 86_400
NOW = 1_800_000_000.0
WINDOW = Window(NOW - 3_600, NOW)
ON_AWS = deployment("billing")
EMULATED = deployment("billing", place=Place("000000000000", "us-east-1", endpoint="http://127.0.0.1:1"))
BILLING = ON_AWS.worker("billing")


def account(event_id: str, outcome: str) -> list[Any]:
    return [event_id, None, "shop.orders/OrderPlaced", None, 1, 1, 1, 1.0, 1, 1, outcome]


class Log:
    """A log of batches, of which a query tells no more than it may."""

    def __init__(self, batches: Sequence[tuple[float, list[list[Any]]]], *, days: int | None = None) -> None:
        self.batches, self.days, self.there = batches, days, True
        self._found: list[list[dict[str, str]]] = []

    def __call__(self, operation: str, asked: dict[str, Any]) -> Any:
        match operation:
            case "DescribeLogGroups":
                group = {"logGroupName": BILLING.log_group, **({"retentionInDays": self.days} if self.days else {})}
                longer = {"logGroupName": f"{BILLING.log_group}-2", "retentionInDays": 1}
                return {"logGroups": [longer, *([group] if self.there else [])]}
            case "StartQuery":
                found = [self._row(*it) for it in self.batches if asked["startTime"] <= it[0] <= asked["endTime"]]
                self._found.append([*map(_cells, found)][: logs.ROWS])
                return {"queryId": str(len(self._found) - 1)}
            case _:
                return {"status": "Complete", "results": self._found[int(asked["queryId"])]}

    def _row(self, at: float, spans: list[list[Any]]) -> dict[str, str]:
        moment = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S.000")
        text = json.dumps({"received": len(spans), "spans": spans})
        return {"@timestamp": moment, "@message": text, "@log": f"123456789012:{BILLING.log_group}"}


def _cells(row: dict[str, str]) -> Any:
    return [{"field": name, "value": value} for name, value in row.items()]


def ids(log: Log, monkeypatch: pytest.MonkeyPatch, window: Window = WINDOW) -> frozenset[str]:
    return StandIn(log).run(lambda fast: handled(fast, ON_AWS, BILLING, window), monkeypatch)


def test_what_was_handled_or_known_is_told_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = ["handled", "duplicates", "retried", "rejected", "postponed", "expired"]
    log = Log([(NOW - 60, [account(f"e-{outcome}", outcome) for outcome in outcomes])])

    assert ids(log, monkeypatch) == {"e-handled", "e-duplicates"}


def test_more_than_a_query_tells_is_asked_in_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN queries that tell four lines at most WHEN a log has forty batches THEN none is missing."""
    monkeypatch.setattr(logs, "ROWS", 4)
    monkeypatch.setattr("fanout_tools.operate.sources.handled.ROWS", 4)
    log = Log([(NOW - 90 * number, [account(f"e-{number}", "handled")]) for number in range(40)])

    assert ids(log, monkeypatch) == {f"e-{number}" for number in range(40)}


def test_a_second_with_more_than_a_query_tells_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "ROWS", 4)
    monkeypatch.setattr("fanout_tools.operate.sources.handled.ROWS", 4)
    log = Log([(NOW - 60, [account(f"e-{number}", "handled")]) for number in range(5)])

    with pytest.raises(LogGapError, match="in a second"):
        ids(log, monkeypatch)


def test_a_log_that_does_not_reach_back_so_far_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    log, ago = Log([], days=14), Window(NOW - 15 * DAY_S, NOW)

    with pytest.raises(LogGapError, match="kept for 14 days"):
        ids(log, monkeypatch, ago)
    log.days = None
    assert ids(log, monkeypatch, ago) == frozenset()


def test_a_log_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log([])
    log.there = False

    with pytest.raises(LogGapError, match="there is no log group /aws/lambda/shop-prod-billing"):
        ids(log, monkeypatch)


def test_an_emulators_log_is_read_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """An emulator has no queries."""
    text = json.dumps({"received": 1, "spans": [account("e-1", "handled")]})

    async def lines(*asked: Any) -> Any:
        assert asked[3] == '"spans"'
        yield Line.read("billing", int(NOW * 1000), text)

    monkeypatch.setattr(logs, "lines_of", lines)
    found = StandIn(Log([])).run(lambda fast: handled(fast, EMULATED, BILLING, WINDOW), monkeypatch)

    assert found == {"e-1"}
