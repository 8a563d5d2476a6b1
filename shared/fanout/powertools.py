"""aws-lambda-powertools in handlers, without registration: its Logger and Metrics work as its users expect.

Only when a worker's own code imports them; a worker that does not pays nothing. A Logger's line appears once, with the
record's ids and without personal values; what a handler has added to Metrics is written at the end of its invocation,
whatever became of it.

Why anything is needed: :func:`fanout.telemetry.configure` replaces the root logger's handlers, and with them the filter
by which Powertools keeps its lines from being written twice; it also switches off what finds a line's location.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any

from fanout import telemetry

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType

__all__ = ["LOGGING", "METRICS", "flush_metrics", "watch"]

LOGGING, METRICS = "aws_lambda_powertools.logging", "aws_lambda_powertools.metrics"

log = logging.getLogger(__name__)

_watched: set[str] = set()
_waiting: set[str] = set()
"""The parts of Powertools that are watched, and not imported yet."""
_used: dict[int, Any] = {}
"""The providers of Metrics that have metrics to write, by their id."""
_flushed: set[int] = set()
"""The sets of metrics, by their id, to which nothing has been added since :func:`flush_metrics` wrote them."""


def watch(part: str) -> None:
    """Work beside this part of Powertools, if it has been imported, else as soon as it is."""
    if part in _watched:
        return
    _watched.add(part)
    if part in sys.modules:
        _ATTACH[part]()
        return
    if not _waiting:
        sys.meta_path.insert(0, _Finder())
    _waiting.add(part)


def flush_metrics() -> None:
    """Write what handlers have added to Metrics since the last time."""
    while _used:
        _, provider = _used.popitem()
        if provider.metric_set:
            _flush(provider)


def _flush(provider: Any) -> None:
    try:
        provider.flush_metrics()
    except Exception:  # the effects are there: a mistake in the metrics is not to have them repeated
        provider.clear_metrics()
        log.exception("what the handlers added to Metrics cannot be written")
    _flushed.add(id(provider.metric_set))


class _Finder:
    """Finds the parts of Powertools that are waited for, where a handler imports them first."""

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        if name not in _waiting:
            return None
        from importlib.util import find_spec

        _waiting.discard(name)
        if not _waiting:
            sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            self._follow(spec.loader, _ATTACH[name])
        return spec

    @staticmethod
    def _follow(loader: Any, attach: Callable[[], None]) -> None:
        original = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            original(module)
            attach()

        loader.exec_module = exec_module


def _attach_logger() -> None:
    from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

    original = LambdaPowertoolsFormatter.format

    @wraps(original)
    def with_ids(self: Any, record: logging.LogRecord) -> str:
        _add_ids(record, {**self.get_current_keys(), **self.thread_safe_get_current_keys()})
        return telemetry.without_personal(original(self, record))

    LambdaPowertoolsFormatter.format = with_ids  # type: ignore[method-assign]
    telemetry.configure(beside_powertools=True)


def _add_ids(record: logging.LogRecord, own: Mapping[str, Any]) -> None:
    """What every line of the record carries, beside the Logger's own keys, which stay as they are."""
    for key, value in telemetry.current_fields().items():
        if own.get(key) in (None, "service_undefined"):
            record.__dict__.setdefault(key, value)


def _attach_metrics() -> None:
    from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider as Provider

    add_metric, flush = Provider.add_metric, Provider.flush_metrics

    @wraps(add_metric)
    def remembered(self: Any, *arguments: Any, **named: Any) -> None:
        _used[id(self)] = self
        _flushed.discard(id(self.metric_set))
        add_metric(self, *arguments, **named)

    @wraps(flush)
    def unless_flushed(self: Any, raise_on_empty_metrics: bool = False) -> None:
        # Of its decorator log_metrics, around a function whose metrics are written already.
        if self.metric_set or id(self.metric_set) not in _flushed:
            flush(self, raise_on_empty_metrics)

    Provider.add_metric = remembered  # type: ignore[method-assign]
    Provider.flush_metrics = unless_flushed  # type: ignore[method-assign]


_ATTACH: Mapping[str, Callable[[], None]] = {LOGGING: _attach_logger, METRICS: _attach_metrics}
