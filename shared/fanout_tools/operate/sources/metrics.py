"""What CloudWatch has counted: records by outcome, invocations that ended in an error, ages, executions.

A call asks 500 metrics and no more; a query over all functions may ride with the metrics of one call
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html). Metrics are a minute behind.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fanout.outcomes import Outcome
from fanout.telemetry import METRIC_NAMESPACE
from fanout_tools.operate.fast import Fast
from fanout_tools.operate.topology import Topology

__all__ = ["EXECUTIONS", "OVERVIEW", "Health", "Metric", "Window", "health", "outcomes", "series", "values"]

METRICS_A_CALL: Final = 500
POINTS: Final = 60
"""Of one metric, at most: a call answers 100,800 in all."""
PERIODS_S: Final = (60, 300, 3_600, 21_600, 86_400)

OVERVIEW: Final = (Outcome.HANDLED, Outcome.DUPLICATE, Outcome.RETRIED, Outcome.REJECTED)
"""The outcomes that tell trouble from none: a page over all workers asks no more."""

EXECUTIONS: Final = (
    "ExecutionsStarted",
    "ExecutionsSucceeded",
    "ExecutionsFailed",
    "ExecutionsTimedOut",
    "ExecutionsAborted",
)


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time, in seconds since 1970."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start

    @property
    def period_s(self) -> int:
        """Of CloudWatch's points: the shortest that leaves few of them."""
        return next((it for it in PERIODS_S if self.seconds / it <= POINTS), PERIODS_S[-1])


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of one thing."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    stat: str = "Sum"

    def query(self, identifier: str, period_s: int) -> dict[str, Any]:
        """As GetMetricData takes it."""
        dimensions = [{"Name": name, "Value": value} for name, value in self.dimensions]
        metric = {"Namespace": self.namespace, "MetricName": self.name, "Dimensions": dimensions}
        return {"Id": identifier, "MetricStat": {"Metric": metric, "Period": period_s, "Stat": self.stat}}


async def values(fast: Fast, metrics: Iterable[Metric], window: Window) -> Mapping[Metric, Sequence[float]]:
    """The points of each metric in the window, the newest first; none where nothing was counted."""
    kept = list(metrics)
    chunks = [kept[start : start + METRICS_A_CALL] for start in range(0, len(kept), METRICS_A_CALL)]
    parts = await asyncio.gather(*(_ask(fast, chunk, window) for chunk in chunks))
    return {metric: points for points_of_some in parts for metric, points in points_of_some.items()}


async def _ask(fast: Fast, metrics: Sequence[Metric], window: Window) -> dict[Metric, list[float]]:
    found: dict[Metric, list[float]] = {metric: [] for metric in metrics}
    async for result in _results(fast, _queries(metrics, window), window):
        found[metrics[int(result["Id"][1:])]] += result.get("Values") or []
    return found


def _queries(metrics: Iterable[Metric], window: Window) -> list[dict[str, Any]]:
    return [metric.query(f"m{number}", window.period_s) for number, metric in enumerate(metrics)]


async def _results(
    fast: Fast, queries: Sequence[Mapping[str, Any]], window: Window
) -> AsyncIterator[Mapping[str, Any]]:
    aligned = window.start - window.start % window.period_s
    pages = fast.pages("cloudwatch", "GetMetricData", MetricDataQueries=queries, StartTime=aligned, EndTime=window.end)
    async for page in pages:
        for result in page["MetricDataResults"]:
            yield result


async def outcomes(
    fast: Fast, topology: Topology, workers: Iterable[str], window: Window, wanted: Sequence[str] = OVERVIEW
) -> Mapping[str, Counter[str]]:
    """The records of each worker by outcome."""
    names = list(workers)
    metrics = {(worker, name): _outcome(topology, worker, name) for name in wanted for worker in names}
    points = await values(fast, metrics.values(), window)
    return {
        worker: Counter({str(name): round(sum(points[metrics[worker, name]])) for name in wanted}) for worker in names
    }


async def series(
    fast: Fast, topology: Topology, worker: str, window: Window, wanted: Sequence[str] = OVERVIEW
) -> Mapping[float, Mapping[str, int]]:
    """A worker's records by outcome in each period of the window, by the period's begin in seconds since 1970; what was
    not counted is 0."""
    metrics = [_outcome(topology, worker, name) for name in wanted]
    begin = window.start - window.start % window.period_s
    times = [begin + number * window.period_s for number in range(int(window.end - begin) // window.period_s)]
    found = {time: dict.fromkeys(map(str, wanted), 0) for time in times}
    async for result in _results(fast, _queries(metrics, window), window):
        name = str(wanted[int(result["Id"][1:])])
        for time, value in zip(result.get("Timestamps") or (), result.get("Values") or (), strict=True):
            if time in found:
                found[time][name] += round(value)
    return found


def _outcome(topology: Topology, worker: str, name: str) -> Metric:
    return Metric(METRIC_NAMESPACE, str(name), (("namespace", topology.names.namespace), ("worker", worker)))


@dataclass(frozen=True)
class Health:
    """What only CloudWatch knows."""

    ages_s: Mapping[str, float]
    """The age of a queue's oldest message, as it was lately; a queue that CloudWatch does not tell of is left out."""
    died: Mapping[str, int]
    """Invocations that ended in an error, by function: no memory, no time, an exception outside of any record."""
    executions: Mapping[str, Mapping[str, int]]
    """Of each workflow, by what CloudWatch calls their ends."""


DIED: Final = (
    'SELECT SUM(Errors) FROM SCHEMA("AWS/Lambda", FunctionName) GROUP BY FunctionName ORDER BY SUM() DESC LIMIT 500'
)
"""Over all functions of the region; of the answer's 500 the worst come first
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-metrics-insights-limits.html)."""


async def health(fast: Fast, topology: Topology, queues: Sequence[str], window: Window) -> Health:
    """The ages of these queues, and all else that one call tells beside them."""
    ages = {queue: _age(queue) for queue in queues}
    ends = {(name, end): _execution(arn, end) for name, arn in topology.workflows.items() for end in EXECUTIONS}
    metrics = [*ages.values(), *ends.values()]
    first, rest = metrics[: METRICS_A_CALL - 1], metrics[METRICS_A_CALL - 1 :]
    points, died = await _with_died(fast, first, window)
    points |= await values(fast, rest, window)
    return Health(
        {queue: points[metric][0] for queue, metric in ages.items() if points[metric]},
        died,
        {name: {end: round(sum(points[ends[name, end]])) for end in EXECUTIONS} for name in topology.workflows},
    )


def _age(queue: str) -> Metric:
    return Metric("AWS/SQS", "ApproximateAgeOfOldestMessage", (("QueueName", queue),), "Maximum")


def _execution(arn: str, end: str) -> Metric:
    return Metric("AWS/States", end, (("StateMachineArn", arn),))


async def _with_died(
    fast: Fast, metrics: Sequence[Metric], window: Window
) -> tuple[dict[Metric, Sequence[float]], Counter[str]]:
    points: dict[Metric, list[float]] = {metric: [] for metric in metrics}
    died: Counter[str] = Counter()
    query = {"Id": "died", "Expression": DIED, "Period": window.period_s}
    async for result in _results(fast, [*_queries(metrics, window), query], window):
        if result["Id"] == "died":
            died[result["Label"]] += round(sum(result.get("Values") or []))
        else:
            points[metrics[int(result["Id"][1:])]] += result.get("Values") or []
    return dict(points), died
