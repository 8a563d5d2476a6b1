"""A worker's business metrics: what handlers count and measure, a line a batch in CloudWatch's embedded metric format::

    worker.metrics.count("OrdersCharged")
    worker.metrics.add("AmountCharged", 12.5)

They stand under the namespace of the platform's own, with the same dimensions: deployment and worker.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from threading import Lock
from typing import Literal, NamedTuple, get_args

from fanout import telemetry
from fanout.outcomes import Outcome

__all__ = ["Metrics", "Unit"]

MAX_METRICS = 100
"""Of one line, and of the values of one metric in it (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/
CloudWatch_Embedded_Metric_Format_Specification.html)."""

MAX_VALUES = 2_000
"""Of all metrics of one line: with the longest names still below what CloudWatch takes of a line."""

MAX_NAME = 1_024

Unit = Literal[
    "Seconds", "Microseconds", "Milliseconds", "Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes", "Bits",
    "Kilobits", "Megabits", "Gigabits", "Terabits", "Percent", "Count", "Bytes/Second", "Kilobytes/Second",
    "Megabytes/Second", "Gigabytes/Second", "Terabytes/Second", "Bits/Second", "Kilobits/Second", "Megabits/Second",
    "Gigabits/Second", "Terabits/Second", "Count/Second", "None",
]  # fmt: skip
"""CloudWatch's (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html)."""

TAKEN = frozenset({"_aws", "namespace", "worker", "function_version", "received", "batch_ms", *Outcome})
"""The platform's own metrics, and the other fields of a line."""

log = logging.getLogger(__name__)


class Values(NamedTuple):
    unit: Unit
    high_resolution: bool
    numbers: list[float]

    def declared(self, name: str) -> dict[str, object]:
        """As the line declares the metric."""
        resolution = {"StorageResolution": 1} if self.high_resolution else {}
        return {"Name": name, "Unit": self.unit, **resolution}


class Metrics:
    """Safe to use from the threads and tasks of a batch."""

    def __init__(self) -> None:
        self._values: dict[str, Values] = {}
        self._lock = Lock()

    def count(self, name: str, value: int = 1, *, high_resolution: bool = False) -> None:
        """Count something: the batch's sum is written.

        :param high_resolution: kept by the second, not by the minute; CloudWatch charges no more for it, but alarms on
            it cost three times as much.
        :raises ValueError: the name is the platform's own, too long or empty, or has been used with another unit.
        """
        with self._lock:
            numbers = self._numbers(name, "Count", high_resolution)
            numbers[:] = [sum(numbers) + value]

    def add(self, name: str, value: float, *, unit: Unit = "None", high_resolution: bool = False) -> None:
        """Add one measured value; CloudWatch gives their sum, average and percentiles. One that is no finite number is
        left out with a warning: no event is to fail for it.

        :param unit: one of CloudWatch's: Milliseconds, Bytes, Percent, None ...
        :param high_resolution: as :meth:`count`.
        :raises ValueError: as :meth:`count`; or CloudWatch has no such unit.
        """
        with self._lock:
            numbers = self._numbers(name, unit, high_resolution)
            if math.isfinite(value):
                numbers.append(value)
            else:
                log.warning("metric %s: %s is left out: CloudWatch takes finite numbers only", name, value)

    def _numbers(self, name: str, unit: Unit, high_resolution: bool) -> list[float]:
        values = self._values.get(name)
        if values is None:
            _check(name, unit)
            values = self._values[name] = Values(unit, high_resolution, [])
        if (values.unit, values.high_resolution) != (unit, high_resolution):
            other = f"{unit}, high_resolution={high_resolution}"
            raise ValueError(
                f"metric {name}: is in {values.unit}, high_resolution={values.high_resolution}, not in {other}; give "
                "one of them another name"
            )
        return values.numbers

    def flush(self, worker: str) -> None:
        """Write what has been counted and added since the last time."""
        if not self._values:
            return
        with self._lock:
            values, self._values = self._values, {}
        for part in _parts(values):
            telemetry.emit_values(
                {"worker": worker},
                [each.declared(name) for name, each in part.items()],
                {name: each.numbers for name, each in part.items()},
            )


def _check(name: str, unit: Unit) -> None:
    if not 0 < len(name.strip()) <= len(name) <= MAX_NAME:
        raise ValueError(f"metric {name[:50]!r}: a name has 1 to {MAX_NAME} characters")
    if name in TAKEN:
        raise ValueError(f"metric {name}: is a name of the platform's own; give yours another, as {name.title()}")
    if unit not in get_args(Unit):
        raise ValueError(f"metric {name}: CloudWatch has no unit {unit}; take one of {', '.join(get_args(Unit))}")


def _parts(values: dict[str, Values]) -> Iterator[dict[str, Values]]:
    """As many lines as it takes."""
    part: dict[str, Values] = {}
    held = 0
    for name, each in values.items():
        for start in range(0, len(each.numbers), MAX_METRICS):
            numbers = each.numbers[start : start + MAX_METRICS]
            if name in part or len(part) == MAX_METRICS or held + len(numbers) > MAX_VALUES:
                yield part
                part, held = {}, 0
            part[name] = each._replace(numbers=numbers)
            held += len(numbers)
    if part:
        yield part
