"""aws-lambda-powertools in handlers, without registration: its Logger and Metrics work as its users expect.

Only when a worker's own code imports them; a worker that does not pays nothing. A Logger's line appears once, with the
record's ids; what a handler has added to Metrics is written at the end of its batch, whether its records failed or not.
"""

from __future__ import annotations

import logging
import sys
from functools import wraps
from typing import Any

from fanout import telemetry

__all__ = ["attach", "flush_metrics"]

LOGGING, METRICS = "aws_lambda_powertools.logging", "aws_lambda_powertools.metrics"

_attached: set[str] = set()
_used: dict[int, Any] = {}
"""The providers of Metrics that have metrics to write, by their id."""


def attach() -> None:
    """Work beside those parts of Powertools that have been imported by now."""
    if LOGGING in sys.modules and LOGGING not in _attached:
        _attached.add(LOGGING)
        _attach_logger()
    if METRICS in sys.modules and METRICS not in _attached:
        _attached.add(METRICS)
        _attach_metrics()


def flush_metrics() -> None:
    """Write what handlers have added to Metrics since the last batch."""
    while _used:
        _, provider = _used.popitem()
        if provider.metric_set:
            provider.flush_metrics()


def _attach_logger() -> None:
    from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

    original = LambdaPowertoolsFormatter.format

    @wraps(original)
    def with_ids(self: Any, record: logging.LogRecord) -> str:
        for key, value in telemetry.current_fields().items():
            if key != "service":  # which the Logger has one of its own for
                record.__dict__.setdefault(key, value)
        text: str = original(self, record)
        record.__dict__[telemetry.WRITTEN] = True  # by Powertools' own handler: fanout's is not to write it once more
        return text

    LambdaPowertoolsFormatter.format = with_ids  # type: ignore[method-assign]
    telemetry.configure(beside_powertools=True)


def _attach_metrics() -> None:
    from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

    original = AmazonCloudWatchEMFProvider.add_metric

    @wraps(original)
    def remembered(self: Any, *arguments: Any, **named: Any) -> None:
        _used[id(self)] = self
        original(self, *arguments, **named)

    AmazonCloudWatchEMFProvider.add_metric = remembered  # type: ignore[method-assign]
