"""A worker's business metrics: what handlers count and measure, a line a batch in CloudWatch's embedded metric format::

    worker.metrics.count("OrdersCharged")
    worker.metrics.add("AmountCharged", 12.5)

They stand under the namespace of the platform's own, with the same dimensions: deployment and worker.
"""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock

from fanout import telemetry

__all__ = ["Metrics"]

MAX_METRICS = 100
"""Of one line, and of the values of one metric in it (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/
CloudWatch_Embedded_Metric_Format_Specification.html)."""

Values = dict[str, tuple[str, list[float]]]
"""Name -> unit and values."""


class Metrics:
    """Safe to use from the threads and tasks of a batch."""

    def __init__(self) -> None:
        self._values: Values = {}
        self._lock = Lock()

    def count(self, name: str, value: int = 1) -> None:
        """Count something: the batch's sum is written."""
        with self._lock:
            unit, values = self._values.setdefault(name, ("Count", [0]))
            _check_unit(name, unit, "Count")
            values[0] += value

    def add(self, name: str, value: float, *, unit: str = "None") -> None:
        """Add one measured value; CloudWatch gives their sum, average and percentiles.

        :param unit: one of CloudWatch's: Milliseconds, Bytes, Percent, None ...
        :raises ValueError: the name has been used with another unit.
        """
        with self._lock:
            known, values = self._values.setdefault(name, (unit, []))
            _check_unit(name, known, unit)
            values.append(value)

    def flush(self, worker: str) -> None:
        """Write what has been counted and added since the last time."""
        if not self._values:
            return
        with self._lock:
            values, self._values = self._values, {}
        for part in _parts(values):
            telemetry.emit_values({"worker": worker}, part)


def _check_unit(name: str, known: str, unit: str) -> None:
    if known != unit:
        raise ValueError(f"metric {name}: is in {known}, not in {unit}; give one of them another name")


def _parts(values: Values) -> Iterator[Values]:
    """As many lines as it takes."""
    part: Values = {}
    for name, (unit, each) in values.items():
        for start in range(0, len(each), MAX_METRICS):
            if name in part or len(part) == MAX_METRICS:
                yield part
                part = {}
            part[name] = unit, each[start : start + MAX_METRICS]
    if part:
        yield part
