"""Structured logs and metrics of a worker: JSON lines on standard output, which Lambda takes to CloudWatch.

Keys are those of Powertools' Logger where it has them. The core does not use Powertools itself: one line costs it more
CPU than the worker core has for a whole record, and it would be a third of a worker's cold import. In handlers it works
beside this: see :mod:`fanout.powertools`.
Metrics are lines too, in CloudWatch's embedded metric format
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).
"""

import json
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from functools import lru_cache
from itertools import islice
from typing import Any

import orjson

from fanout.errors import told

__all__ = ["JsonFormatter", "configure", "emit_fields", "emit_metrics", "forget_environment", "log_fields"]

MAX_LINE_BYTES = 250_000
"""Of a line; CloudWatch takes 256 KB of an event, 26 bytes of its own included
(https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html)."""

OWN_HANDLER = "powertools_handler"
"""The attribute of a logger to which a Powertools Logger has given a handler of its own."""

_SRCFILE = logging._srcfile

METRIC_NAMESPACE = "fanout"
"""The CloudWatch namespace of the workers' metrics."""

# What logging itself puts on a record; anything else came from the caller's ``extra``.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


_IDS = frozenset(
    {
        *("level", "logger", "timestamp", "function_version", "xray_trace_id", "service", "function_request_id"),
        *("message_id", "receive_count", "event", "event_id", "correlation_id", "causation_id"),
    }
)
"""What a line tells of the record, and not of what its event says."""


class log_fields:  # noqa: N801 - used as a statement: `with log_fields(order_id=...)`
    """Every line logged inside, by whomever, carries these fields. Fields that are None are left out.

    :param source: makes further fields, none of them None, and is asked only when a line is logged.
    :param personal: the texts that no line may show, asked for when one is logged:
        see :mod:`fanout.events.personal`.
    """

    __slots__ = ("_fields", "_personal", "_source", "_token")

    def __init__(
        self,
        source: Callable[[], Mapping[str, Any]] | None = None,
        personal: Callable[[], frozenset[str]] | None = None,
        /,
        **fields: Any,
    ) -> None:
        self._source, self._personal = source, personal
        self._fields = {name: value for name, value in fields.items() if value is not None} if fields else fields

    def __enter__(self) -> None:
        self._token = _layers.set((*_layers.get(), self))

    def __exit__(self, *_: object) -> None:
        _layers.reset(self._token)

    def add_to(self, line: dict[str, Any]) -> None:
        """Write the fields into a line."""
        if self._source is not None:
            line |= self._source()
        if self._fields:
            line |= self._fields


_layers: ContextVar[tuple[log_fields, ...]] = ContextVar("fanout_log_fields", default=())


class _LeanRecord(logging.LogRecord):
    """A record without what fanout's lines do not show: taking apart the path of a file that nobody has looked for is
    a tenth of a line's cost."""

    def __init__(
        self,
        name: str,
        level: int,
        pathname: str,
        lineno: int,
        msg: object,
        args: Any,
        exc_info: Any,
        func: str | None = None,
        sinfo: str | None = None,
        **_: Any,
    ) -> None:
        if args and len(args) == 1 and isinstance(args[0], Mapping) and args[0]:
            args = args[0]  # as logging does: log.info("%(a)s", {"a": 1})
        created = time.time()
        self.name, self.msg, self.args = name, msg, args
        self.levelname, self.levelno = logging.getLevelName(level), level
        self.pathname = self.filename = self.module = pathname
        self.exc_info, self.exc_text, self.stack_info = exc_info, None, sinfo
        self.lineno, self.funcName = lineno, func or ""
        self.created, self.msecs, self.relativeCreated = created, int(created % 1 * 1000) + 0.0, 0.0
        self.thread = self.threadName = self.processName = self.process = None


# The fewest attributes of either kind of record, before a call adds its own; Python 3.12 has one more than 3.11.
_FEWEST = min(len(vars(_LeanRecord("", 0, "", 0, "", (), None))), len(vars(logging.makeLogRecord({}))))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: level, message, logger, timestamp, the fields of :class:`log_fields`, the call's
    ``extra``, and the exception."""

    def __init__(self) -> None:
        super().__init__()
        self._second, self._date_time = -1, ""
        self._constant = _function_version()

    def _timestamp(self, created: float) -> str:
        """UTC, ISO 8601, in milliseconds; most lines share their second with the one before."""
        second = int(created)
        if second != self._second:
            self._second, self._date_time = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._date_time}.{int((created - second) * 1000):03}+00:00"

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON."""
        message = record.msg
        line: dict[str, Any] = {
            "level": record.levelname,
            "message": message if type(message) is str and not record.args else _message(record),
            "logger": record.name,
            "timestamp": self._timestamp(record.created),
        }
        if self._constant:
            line |= self._constant
        if record.levelno >= logging.WARNING and (trace_id := _xray_trace_id()):
            line["xray_trace_id"] = trace_id
        personal: frozenset[str] | None = None
        for layer in _layers.get():
            if layer._source is not None:
                line |= layer._source()
            if layer._fields:
                line |= layer._fields
            if layer._personal is not None and (found := layer._personal()):
                personal = found if personal is None else personal | found
        attributes = record.__dict__
        if len(attributes) > _FEWEST:
            # What a call adds stands behind what logging itself puts there.
            for name in islice(attributes, _FEWEST, None):
                if name not in _STANDARD:
                    line[name] = attributes[name]
        if record.exc_info and record.exc_info[0]:
            line["exception_name"] = record.exc_info[0].__name__
            line["exception"] = _without_input(self.formatException(record.exc_info), record.exc_info[1])
        return _written(line if personal is None else _without(line, personal))


@lru_cache(maxsize=8)
def _environment(variable: str) -> str:
    """Of this process, which :func:`configure` reads anew: to ask for it costs as much as to write a line."""
    return os.environ.get(variable, "")


def forget_environment() -> None:
    """Read the process\'s variables anew from here on: for tests, which change them."""
    _environment.cache_clear()


def _function_version() -> dict[str, str]:
    version = _environment("AWS_LAMBDA_FUNCTION_VERSION")
    return {"function_version": version} if version else {}


def _xray_trace_id() -> str | None:
    """The trace of this invocation, as Powertools' Logger writes it: ``Root`` of ``Root=...;Parent=...``."""
    found = os.environ.get("_X_AMZN_TRACE_ID")
    return found.partition(";")[0].removeprefix("Root=") if found else None


def without_personal(text: str) -> str:
    """A line of JSON as it may be logged now: without the personal values of the event that is being handled."""
    found = [layer._personal() for layer in _layers.get() if layer._personal is not None]
    personal = frozenset[str]().union(*found)
    return _written(_without(json.loads(text), personal)) if personal else text


def _without(line: Mapping[str, Any], personal: frozenset[str]) -> dict[str, Any]:
    return {name: value if name in _IDS else _hidden(value, personal) for name, value in line.items()}


def _hidden(value: Any, personal: frozenset[str]) -> Any:
    from fanout.events.personal import hidden

    if isinstance(value, Mapping):
        return {hidden(_text(name), personal): _hidden(each, personal) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_hidden(each, personal) for each in value]
    if value is None or isinstance(value, bool):
        return value
    text = _text(value)
    without = hidden(text, personal)
    return value if without == text else without


def _without_input(text: str, error: BaseException | None) -> str:
    """A traceback whose pydantic errors name fields and show no values, whichever of its chain they are."""
    waiting, seen = [error], set[int]()
    while waiting:
        found = waiting.pop()
        if found is None or id(found) in seen:
            continue
        seen.add(id(found))
        waiting += [found.__cause__, found.__context__, *getattr(found, "exceptions", ())]
        if type(found).__module__ == "pydantic_core._pydantic_core":
            text = _in_traceback(str(found)).sub(lambda _, it=found: told(it), text)  # type: ignore[misc]
    return text


def _in_traceback(text: str) -> re.Pattern[str]:
    """What finds a text in a traceback, which sets the errors of a group in, each line of them."""
    return re.compile(r"\n[ |]*".join(re.escape(line.strip()) for line in text.splitlines()))


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - an argument whose text fails; the line is still to be written
        return f"{record.msg!r} (its arguments cannot be formatted)"


def _written(line: Mapping[str, Any]) -> str:
    try:
        written = orjson.dumps(line, _text)
    except TypeError:
        written = _encoded(line)
    return written.decode() if len(written) <= MAX_LINE_BYTES else _shortened(line).decode()


def _encoded(line: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(line, default=_text)
    except TypeError:  # a number over 64 bits, a key that is no text, half a surrogate pair: slower, but written
        return json.dumps({name: _writable(value) for name, value in line.items()}, default=_text).encode()


def _shortened(line: Mapping[str, Any]) -> bytes:
    """The line with its long values cut, the more the longer it stays."""
    values = json.loads(_encoded(line))
    for limit in (16_000, 2_000, 200):
        written = _encoded(_cut(values, limit))
        if len(written) <= MAX_LINE_BYTES:
            return written
    kept = {name: values.get(name) for name in ("level", "message", "logger", "timestamp")}
    return _encoded(_cut(kept, 200) | {"cut": f"{len(values)} fields"})


def _cut(value: Any, limit: int) -> Any:
    """JSON values without texts of over ``limit`` characters and collections of over ``limit / 10`` values."""
    if isinstance(value, str) and len(value) > limit:
        return f"{value[:limit]}... ({len(value)} characters)"
    most = max(limit // 10, 40)
    if isinstance(value, list):
        note = [f"... ({len(value)} values)"] if len(value) > most else []
        return [_cut(each, limit) for each in value[:most]] + note
    if isinstance(value, dict):
        cut = {_cut(name, limit): _cut(value[name], limit) for name in list(value)[:most]}
        return cut | ({"...": f"{len(value)} fields"} if len(value) > most else {})
    return value


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a value whose text fails; the line is still to be written
        return f"<{type(value).__name__} without a text>"


def _writable(value: object) -> object:
    try:
        json.dumps(value, default=_text)
    except (TypeError, ValueError, RecursionError):
        return _text(value)
    return value


class _StandardOutput(logging.Handler):
    """Writes to what ``sys.stdout`` is at the time: Lambda runtimes and tests replace it."""

    def createLock(self) -> None:  # noqa: N802 - logging's name
        self.lock = None  # one write a line, which needs no lock

    def handle(self, record: logging.LogRecord) -> bool:
        """As logging's own, which takes a lock and gives it back."""
        if self.filters and not self.filter(record):
            return False
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stdout.write(self.format(record) + "\n")
        except Exception:  # noqa: BLE001 - logging's own contract: never let a log line end the program
            self.handleError(record)


class _BesidePowertools(_StandardOutput):
    """Leaves out what a Powertools Logger's own handler writes. The filter that Powertools puts on the root's handlers
    is not taken: it would leave out every logger whose name holds that of the service."""

    def handle(self, record: logging.LogRecord) -> bool:
        logger = logging.root.manager.loggerDict.get(record.name)
        while isinstance(logger, logging.Logger):
            if OWN_HANDLER in logger.__dict__:
                return False
            logger = logger.parent
        return super().handle(record)

    def addFilter(self, filter: object) -> None:  # noqa: A002, N802 - logging's names
        if type(filter).__name__ != "SuppressFilter":
            super().addFilter(filter)  # type: ignore[arg-type]


def current_fields() -> dict[str, Any]:
    """The fields that a line logged now would carry."""
    fields: dict[str, Any] = {}
    for layer in _layers.get():
        layer.add_to(fields)
    return fields


def configure(level: str | None = None, *, beside_powertools: bool = False) -> None:
    """Log as JSON from here on. The level is ``FANOUT_LOG_LEVEL``'s unless given, else INFO.

    :param beside_powertools: its Logger is in use, and stays so whenever this is called again.
    """
    forget_environment()
    root = logging.getLogger()
    beside_powertools = beside_powertools or any(isinstance(each, _BesidePowertools) for each in root.handlers)
    handler = _BesidePowertools() if beside_powertools else _StandardOutput()
    handler.setFormatter(JsonFormatter())
    root.handlers[:] = [handler]
    root.setLevel(level or os.environ.get("FANOUT_LOG_LEVEL", "INFO").upper())
    # What the lines do not show need not be found out
    # (https://docs.python.org/3/howto/logging.html#optimization).
    logging._srcfile = _SRCFILE if beside_powertools else None
    logging.setLogRecordFactory(logging.LogRecord if beside_powertools else _LeanRecord)
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    # It tells of every credential and endpoint it finds, at INFO.
    logging.getLogger("botocore").setLevel(logging.WARNING)


def emit_metrics(
    dimensions: Mapping[str, str], counts: Mapping[str, int], durations_ms: Mapping[str, float], **fields: Any
) -> None:
    """Write one line of metrics: counts and milliseconds under the dimensions, with fields for the reader of the
    log. The first dimension is the deployment's namespace, so that two in one account are told apart."""
    metrics = _declared(tuple(counts), tuple(durations_ms))
    emit_fields(_metrics_line(dimensions, metrics, {**counts, **durations_ms}), **fields)


@lru_cache(maxsize=16)
def _declared(counts: tuple[str, ...], durations_ms: tuple[str, ...]) -> Sequence[Mapping[str, str]]:
    """The same for every batch of a worker."""
    metrics = [{"Name": name, "Unit": "Count"} for name in counts]
    return metrics + [{"Name": name, "Unit": "Milliseconds"} for name in durations_ms]


def emit_values(
    dimensions: Mapping[str, str], metrics: Sequence[Mapping[str, object]], values: Mapping[str, list[float]]
) -> None:
    """Write one line of metrics as they are declared, each with its values, under the dimensions as
    :func:`emit_metrics`."""
    emit_fields(_metrics_line(dimensions, metrics, values))


def _metrics_line(
    dimensions: Mapping[str, str], metrics: Sequence[Mapping[str, object]], values: Mapping[str, Any]
) -> dict[str, Any]:
    if namespace := _environment("FANOUT_NAMESPACE"):
        dimensions = {"namespace": namespace, **dimensions}
    declared = {"Namespace": METRIC_NAMESPACE, "Dimensions": [list(dimensions)], "Metrics": metrics}
    return {
        "_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [declared]},
        **dimensions,
        **values,
    }


def emit_fields(line: Mapping[str, Any] | None = None, /, **fields: Any) -> None:
    """Write one line of fields, those that are None left out."""
    given = {key: value for key, value in fields.items() if value is not None}
    sys.stdout.write(_written({**(line or {}), **_function_version(), **given}) + "\n")
