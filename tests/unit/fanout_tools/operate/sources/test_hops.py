"""Lines of logs are found by an event's id, on an emulator group by group and on AWS by one query."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from fanout_tools.operate.sources.hops import LogsError, failure_in, insights, matching, ordered

LINE = {"worker": "w", "spans": [["e-1"]]}


@pytest.fixture
def logs() -> Any:
    return boto3.client("logs", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")


def test_groups_are_read_one_by_one(logs: Any) -> None:
    """GIVEN two pages of lines, some of which an emulator gives though they lack the text WHEN searched THEN just the
    JSON lines with it are found."""
    wanted = {"logGroupName": "/g", "startTime": 1_000, "endTime": 2_000, "filterPattern": '"e-1"'}
    first = [{"message": json.dumps(LINE)}, {"message": "REPORT e-1"}, {"message": '{"spans": [["e-2"]]}'}]
    with Stubber(logs) as stub:
        stub.add_response("filter_log_events", {"events": first, "nextToken": "n"}, wanted)
        second = [{"message": "2026\tINFO\t" + json.dumps(LINE)}, {"message": '["e-1"]'}, {"message": '{"e-1'}]
        stub.add_response("filter_log_events", {"events": second}, {**wanted, "nextToken": "n"})
        assert list(matching(logs, ["/g"], "e-1", 1.0, 2.0)) == [LINE, LINE]

        stub.add_client_error("filter_log_events", "ResourceNotFoundException")
        assert list(matching(logs, ["/none"], "e-1", 1.0, 2.0)) == []


def test_one_query_searches_all_groups(logs: Any) -> None:
    """GIVEN a query that runs for a while WHEN it is complete THEN its rows' lines are found, by the deployment's
    prefix."""
    rows = [[{"field": "@message", "value": json.dumps(LINE)}, {"field": "@ptr", "value": "p"}]]
    query = (
        'SOURCE logGroups(namePrefix: ["/aws/lambda/ns-"]) | fields @message | filter @message like "e-1" | limit 10000'
    )
    slept: list[float] = []
    with Stubber(logs) as stub:
        stub.add_response("start_query", {"queryId": "q"}, {"startTime": 1, "endTime": 3, "queryString": query})
        stub.add_response("get_query_results", {"status": "Running"}, {"queryId": "q"})
        stub.add_response("get_query_results", {"status": "Complete", "results": rows}, {"queryId": "q"})
        found = insights(logs, "/aws/lambda/ns-", "e-1", 1.0, 2.5, sleep=slept.append)
        assert list(found) == [LINE]
    assert len(slept) == 1


@pytest.mark.parametrize("status", ["Failed", "Running"])
def test_a_query_that_does_not_end_well_is_an_error(logs: Any, status: str) -> None:
    """GIVEN a query that fails, or runs for over two minutes WHEN waited for THEN the error says what else to try, and
    nothing is left running."""
    times = iter(range(0, 1_000, 100))
    with Stubber(logs) as stub:
        stub.add_response("start_query", {"queryId": "q"}, {"startTime": ANY, "endTime": ANY, "queryString": ANY})
        for _ in range(2 if status == "Running" else 1):
            stub.add_response("get_query_results", {"status": status}, {"queryId": "q"})
        if status == "Running":
            stub.add_response("stop_query", {"success": True}, {"queryId": "q"})
        with pytest.raises(LogsError, match="--no-logs"):
            list(insights(logs, "p", "e", 1.0, 2.0, clock=lambda: float(next(times)), sleep=lambda _: None))
        stub.assert_no_pending_responses()


def test_a_failure_is_told_by_its_line() -> None:
    """GIVEN lines of failures and others WHEN read THEN worker, event and cause are told of the failures alone; the
    last in time comes last."""
    line = {
        "service": "inventory",
        "event_id": "e",
        "outcome": "rejected",
        "message": "dead-lettered: Reject: not in stock: CD-7",
        "error_at": "inventory/handler.py:31",
        "tries": 1,
        "timestamp": "2026-01-02",
    }
    assert failure_in(line) == (
        "inventory",
        "e",
        {"cause": "Reject: not in stock: CD-7", "place": "inventory/handler.py:31", "attempts": 1},
    )
    assert failure_in({**line, "outcome": "handled"}) is None
    assert failure_in({"message": "x"}) is None
    assert ordered([line, {"timestamp": "2026-01-01"}])[-1] is line
