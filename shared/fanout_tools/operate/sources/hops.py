"""What the workers' logs tell of events: the accounts of their batches, and why tries failed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from fanout.errors import FanoutError
from fanout.outcomes import Outcome

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

__all__ = ["LogsError", "failure_in", "insights", "matching"]

AT_ONCE = 16
MAX_LINES = 10_000
"""Of a query (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetQueryResults.html)."""

PATIENCE_S = 120.0
POLL_S = 0.5

Line = Mapping[str, Any]


class LogsError(FanoutError):
    """The logs cannot be searched."""


def matching(
    logs: CloudWatchLogsClient, groups: Sequence[str], text: str, since: float, until: float
) -> Iterator[Line]:
    """The lines of these log groups in which the text occurs, read group by group: for emulators, which have no
    queries. Groups that are not there have none.

    :param since: seconds since 1970, as until.
    """

    def of_group(group: str) -> list[Line]:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=int(since * 1000), endTime=int(until * 1000), filterPattern=f'"{text}"'
        )
        try:
            return [line for page in pages for event in page["events"] if (line := _line(event["message"], text))]
        except logs.exceptions.ResourceNotFoundException:
            return []

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for lines in pool.map(of_group, groups):
            yield from lines


def insights(
    logs: CloudWatchLogsClient,
    prefix: str,
    text: str,
    since: float,
    until: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Line]:
    """The same of all log groups whose names begin so, by one query of Logs Insights
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Source.html).

    :raises LogsError: the query failed, or took over two minutes.
    """
    query = (
        f"SOURCE logGroups(namePrefix: [{json.dumps(prefix)}]) "
        f"| fields @message | filter @message like {json.dumps(text)} | limit {MAX_LINES}"
    )
    started = logs.start_query(startTime=int(since), endTime=int(until) + 1, queryString=query)
    give_up = clock() + PATIENCE_S
    while (answer := logs.get_query_results(queryId=started["queryId"]))["status"] in ("Scheduled", "Running"):
        if clock() > give_up:
            logs.stop_query(queryId=started["queryId"])
            raise LogsError(f"the query took over {PATIENCE_S:.0f} s: narrow it with --since, or leave it by --no-logs")
        sleep(POLL_S)
    if answer["status"] != "Complete":
        raise LogsError(f"the query ended as {answer['status']}; try again, or leave it by --no-logs")
    for row in answer["results"]:
        message = next((each.get("value", "") for each in row if each.get("field") == "@message"), "")
        if line := _line(message, text):
            yield line


def failure_in(line: Line) -> tuple[str, str, Mapping[str, Any]] | None:
    """Worker, event id and cause of a try that a line says has failed; None of any other line."""
    if line.get("outcome") not in (Outcome.RETRIED, Outcome.REJECTED) or "event_id" not in line:
        return None
    _, _, cause = str(line.get("message", "")).partition(": ")
    return (
        str(line.get("service", "")),
        str(line["event_id"]),
        {"cause": cause or "no cause was told", "place": line.get("error_at"), "attempts": line.get("tries")},
    )


def _line(message: str, text: str) -> Line | None:
    """The line as JSON, if it is, and has the text."""
    if text not in message:
        return None
    # Some emulators' lines begin with Lambda's own columns.
    try:
        value = json.loads(message[message.index("{") :])
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def ordered(lines: Iterable[Line]) -> list[Line]:
    """By time, as far as they tell it."""
    return sorted(lines, key=lambda line: str(line.get("timestamp", "")))
