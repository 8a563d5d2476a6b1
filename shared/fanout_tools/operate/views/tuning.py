"""What memory and batch size a function should have: cost and time of one *record*, from what Lambda reports.

A function of a queue is paid for by the batch, and waited for by the record: a larger batch shares what each invocation
costs, more memory brings more CPU in proportion
(https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html).
"""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from fanout.errors import FanoutError

__all__ = ["NothingMeasuredError", "Point", "Report", "Strategy", "choose", "drawn", "dumped", "points", "read"]

REPORT: Final = re.compile(
    r"REPORT RequestId:.*?\bDuration: (?P<duration>[\d.]+) ms\s+Billed Duration: (?P<billed>\d+) ms\s+"
    r"Memory Size: (?P<memory>\d+) MB\s+Max Memory Used: (?P<used>\d+) MB(?:\s+Init Duration: (?P<init>[\d.]+) ms)?"
)
"""https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html"""

FULL: Final = 0.9
"""Of its memory a function uses: the next event may be larger, and a process without memory dies."""


class NothingMeasuredError(FanoutError):
    """There are no reports to choose by."""


class Strategy(StrEnum):
    """What a point is chosen by."""

    COST = "cost"
    SPEED = "speed"
    BALANCED = "balanced"


@dataclass(frozen=True, slots=True)
class Report:
    """One invocation, as Lambda reported it."""

    batch: int
    memory_mb: int
    duration_ms: float
    billed_ms: int
    used_mb: int
    init_ms: float | None = None
    """Of a cold start; None: the environment was there."""

    @classmethod
    def parse(cls, batch: int, log: str) -> Report | None:
        """What is in an invocation's log; None where there is no report."""
        found = REPORT.search(log)
        if found is None:
            return None
        init = found["init"]
        return cls(
            batch,
            int(found["memory"]),
            float(found["duration"]),
            int(found["billed"]),
            int(found["used"]),
            float(init) if init else None,
        )


def dumped(reports: Iterable[Report]) -> str:
    """A line of JSON for each, to be read again."""
    return "".join(json.dumps(asdict(report)) + "\n" for report in reports)


def read(text: str) -> list[Report]:
    """
    :raises NothingMeasuredError: a line is no report.
    """
    try:
        return [Report(**json.loads(line)) for line in text.splitlines() if line.strip()]
    except (ValueError, TypeError) as error:
        raise NothingMeasuredError(f"no recorded reports: {error}; record them with --record FILE") from error


@dataclass(frozen=True, slots=True)
class Point:
    """One memory size with one batch size."""

    memory_mb: int
    batch: int
    invocations: int
    """That were measured, without cold starts."""
    ms_a_record: float
    """The median invocation's, shared by its records."""
    usd_a_million: float
    """Of a million records: what Lambda asks for the time, and for the requests."""
    cold_ms: float | None
    """The median cold start; None: none was seen."""
    used_mb: int
    """The most that an invocation used."""

    @property
    def full(self) -> bool:
        """Whether too little memory is left."""
        return self.used_mb > FULL * self.memory_mb

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "full": self.full}


def points(reports: Iterable[Report], usd_a_gb_s: float, usd_a_request: float) -> list[Point]:
    """The curve: every memory size with every batch size, by batch size and memory.

    :raises NothingMeasuredError: no invocation but cold starts was measured.
    """
    grouped: dict[tuple[int, int], list[Report]] = {}
    for report in reports:
        grouped.setdefault((report.batch, report.memory_mb), []).append(report)
    made = [_point(some, usd_a_gb_s, usd_a_request) for _, some in sorted(grouped.items())]
    found = [point for point in made if point is not None]
    if not found:
        raise NothingMeasuredError("no invocation was measured but cold starts; take more rounds")
    return found


def _point(reports: Sequence[Report], usd_a_gb_s: float, usd_a_request: float) -> Point | None:
    warm = [report for report in reports if report.init_ms is None]
    if not warm:
        return None
    batch, memory_mb = warm[0].batch, warm[0].memory_mb
    billed_s = statistics.median(report.billed_ms for report in warm) / 1000
    usd = (billed_s * memory_mb / 1024 * usd_a_gb_s + usd_a_request) / batch
    cold = [report.init_ms + report.duration_ms for report in reports if report.init_ms is not None]
    return Point(
        memory_mb,
        batch,
        len(warm),
        round(statistics.median(report.duration_ms for report in warm) / batch, 3),
        round(usd * 1e6, 4),
        round(statistics.median(cold), 1) if cold else None,
        max(report.used_mb for report in reports),
    )


def choose(curve: Sequence[Point], strategy: Strategy) -> Point:
    """The point to take. Of equal ones that with less memory; one whose memory is full only if all are.

    ``balanced`` is the least sum of cost and time, each as a multiple of the least there is.
    """
    fit = [point for point in curve if not point.full] or list(curve)
    cheapest = min(point.usd_a_million for point in fit)
    fastest = max(min(point.ms_a_record for point in fit), 0.001)
    weighed = {
        Strategy.COST: lambda point: (point.usd_a_million, point.ms_a_record, point.memory_mb),
        Strategy.SPEED: lambda point: (point.ms_a_record, point.usd_a_million, point.memory_mb),
        Strategy.BALANCED: lambda point: (
            point.usd_a_million / cheapest + point.ms_a_record / fastest,
            point.memory_mb,
        ),
    }
    return min(fit, key=weighed[strategy])


WIDTH: Final = 40


def drawn(curve: Sequence[Point], chosen: Point) -> Iterator[str]:
    """The curve for a terminal: cost as a bar, one block of lines for each batch size."""
    most = max(point.usd_a_million for point in curve)
    for point in curve:
        bar = "█" * max(1, round(WIDTH * point.usd_a_million / most))
        mark = " <- chosen" if point is chosen else " (memory full)" if point.full else ""
        yield (
            f"batch {point.batch:5} {point.memory_mb:6} MB {point.ms_a_record:10.2f} ms {bar:{WIDTH}} "
            f"{point.usd_a_million:8.3f} USD{mark}"
        )
