"""What workers say in their logs: whole groups line by line, or through CloudWatch Logs Insights on AWS.

FilterLogEvents reads all of a group's stretch, page by page: right for an emulator, and for one worker's last minutes;
Insights asks many groups at once, and answers after seconds
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AnalyzingLogData.html).
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from fanout.outcomes import Outcome
from fanout_tools.operate.fast import MISSING, Fast, FastError
from fanout_tools.operate.sources.metrics import Window
from fanout_tools.operate.topology import WorkerPlace

__all__ = ["FAILURE", "ROWS", "Line", "Told", "ask_insights", "insights_rows", "lines_of", "sum_up", "told"]

INSIGHTS_GROUPS: Final = 50
"""Of one query (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html)."""
ROWS: Final = 10_000
LOOK_S: Final = 0.5
UNDER_WAY: Final = frozenset({"Scheduled", "Running"})

DEATH: Final = re.compile(r"Task timed out after|Runtime exited|Runtime\.OutOfMemory|signal: killed")
"""What Lambda writes when it ends an invocation that did not answer."""

FAILURE: Final = 'ispresent(outcome) or level in ["ERROR", "CRITICAL"] or @message like /Task timed out|Runtime exited/'
"""The same, and what workers log of failures, as a condition of an Insights query."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a worker's log."""

    worker: str
    at_ms: int
    """Since 1970."""
    text: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Those of a JSON line."""

    @classmethod
    def read(cls, worker: str, at_ms: int, text: str) -> Line:
        """With its own time, where it has one: an emulator's log stream may not know milliseconds."""
        fields = _object(text)
        own = fields.get("_aws", {}).get("Timestamp") if isinstance(fields.get("_aws"), dict) else None
        return cls(worker, int(own or at_ms), text, fields)

    @property
    def is_metrics(self) -> bool:
        """Whether it is a batch's account."""
        return "received" in self.fields

    @property
    def is_failure(self) -> bool:
        """Whether it tells of a record that failed, or of an error."""
        return "outcome" in self.fields or self.fields.get("level") in ("ERROR", "CRITICAL")

    @property
    def is_death(self) -> bool:
        """Whether it tells of an invocation that did not end by itself."""
        return not self.fields and not self.text.startswith("REPORT") and bool(DEATH.search(self.text))


async def lines_of(fast: Fast, worker: WorkerPlace, window: Window, pattern: str = "") -> AsyncIterator[Line]:
    """A worker's lines, as they come; none where there is no such log group.

    :param pattern: CloudWatch's filter
        (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html).
    """
    asked: dict[str, Any] = {
        "logGroupName": worker.log_group,
        "startTime": int(window.start * 1000) // 1000 * 1000,
        "endTime": int(window.end * 1000) + 1000,
    }
    if pattern:
        asked["filterPattern"] = pattern
    try:
        async for page in fast.pages("logs", "FilterLogEvents", token="nextToken", **asked):
            for event in page.get("events") or ():
                line = Line.read(worker.name, event["timestamp"], event["message"].rstrip("\n"))
                if line.at_ms >= window.start * 1000:
                    yield line
    except FastError as error:
        if error.code not in MISSING:
            raise


async def ask_insights(
    fast: Fast,
    workers: Iterable[WorkerPlace],
    window: Window,
    query: str,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Sequence[Line]:
    """What the query finds in the logs of these workers, the oldest first; it has to name ``@timestamp``,
    ``@message`` and ``@log``, and the fields of a line stand beside them."""
    rows = await insights_rows(fast, workers, window, query, sleep=sleep)
    return sorted((_line(worker, row) for worker, row in rows), key=lambda line: line.at_ms)


async def insights_rows(
    fast: Fast,
    workers: Iterable[WorkerPlace],
    window: Window,
    query: str,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Sequence[tuple[str, Mapping[str, str]]]:
    """What the query finds: a worker and the fields of a row; it has to name ``@log``."""
    groups = {worker.log_group: worker.name for worker in workers}
    names = list(groups)
    chunks = [names[start : start + INSIGHTS_GROUPS] for start in range(0, len(names), INSIGHTS_GROUPS)]
    found = await asyncio.gather(*(_insights(fast, chunk, window, query, sleep) for chunk in chunks))
    rows = [{cell["field"]: cell["value"] for cell in row} for answer in found for row in answer]
    return [(groups[row["@log"].rpartition(":")[2]], row) for row in rows]


async def _insights(
    fast: Fast, groups: Sequence[str], window: Window, query: str, sleep: Callable[[float], Awaitable[None]]
) -> Sequence[Sequence[Mapping[str, str]]]:
    """The rows. A query is refused as a whole where one of its groups is not there: a worker that is declared and has
    never been deployed. Then each half is asked by itself."""
    try:
        return await _query(fast, groups, window, query, sleep)
    except FastError as error:
        if error.code not in MISSING:
            raise
    if len(groups) == 1:
        return []
    halves = groups[: len(groups) // 2], groups[len(groups) // 2 :]
    found = await asyncio.gather(*(_insights(fast, half, window, query, sleep) for half in halves))
    return [row for rows in found for row in rows]


async def _query(
    fast: Fast, groups: Sequence[str], window: Window, query: str, sleep: Callable[[float], Awaitable[None]]
) -> Sequence[Sequence[Mapping[str, str]]]:
    started = await fast.call(
        "logs",
        "StartQuery",
        logGroupNames=groups,
        startTime=int(window.start),
        endTime=int(window.end) + 1,
        queryString=query,
        limit=ROWS,
    )
    while True:
        answer = await fast.call("logs", "GetQueryResults", queryId=started["queryId"])
        if answer.get("status") not in UNDER_WAY:
            break
        await sleep(LOOK_S)
    if answer["status"] != "Complete":
        raise FastError(answer["status"], "GetQueryResults", f"the query did not end: {query}")
    results: Sequence[Sequence[Mapping[str, str]]] = answer.get("results") or []
    return results


def _line(worker: str, row: Mapping[str, str]) -> Line:
    at = datetime.fromisoformat(row["@timestamp"]).replace(tzinfo=UTC)
    return Line.read(worker, int(at.timestamp() * 1000), row.get("@message", "").rstrip("\n"))


@dataclass(frozen=True)
class Told:
    """What a worker's log tells of a stretch of time."""

    counts: Mapping[str, int]
    """Records by outcome, and ``received``."""
    died: int
    """Invocations that did not end by themselves."""
    last_failure: Line | None


async def told(fast: Fast, workers: Iterable[WorkerPlace], window: Window) -> Mapping[str, Told]:
    """The same of each worker, line by line."""
    asked = list(workers)

    async def each(worker: WorkerPlace) -> Told:
        return sum_up([line async for line in lines_of(fast, worker, window)])

    return dict(zip((it.name for it in asked), await asyncio.gather(*map(each, asked)), strict=True))


def sum_up(lines: Iterable[Line]) -> Told:
    counts: Counter[str] = Counter()
    died, last = 0, None
    for line in lines:
        if line.is_metrics:
            counts.update({name: _whole(line.fields.get(name)) for name in ("received", *Outcome)})
        died += line.is_death
        if (line.is_failure or line.is_death) and (last is None or line.at_ms >= last.at_ms):
            last = line
    return Told({str(name): number for name, number in counts.items()}, died, last)


def _whole(value: object) -> int:
    return value if type(value) is int else 0


def _object(text: str) -> dict[str, Any]:
    if not text.startswith("{"):
        return {}
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
