"""What is not in a plan: how many events of which kind and size come, and how long their handling takes.

A mix file states it; a benchmark, or a worker's log, tells how long handling took. A log has two kinds of lines that
do: Lambda's REPORT with the billed duration, as text or as JSON, and the core's own line for each batch with its
records and milliseconds (:mod:`fanout.telemetry`).
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Final, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fanout.errors import FanoutError

__all__ = [
    "Durations",
    "EventMix",
    "Mix",
    "MixError",
    "Traffic",
    "WebMix",
    "WorkerMix",
    "benchmarked",
    "durations",
    "logged",
    "traffic",
]

DEFAULT_BYTES: Final = 1_024
"""Of an event, where neither the mix nor a golden event tells."""
_REPORT: Final = re.compile(r"REPORT RequestId: .*?Billed Duration: (\d+(?:\.\d+)?) ms")
BENCHMARK_BATCH: Final = 10
"""The records of a batch in build/bench/worker.json."""


class MixError(FanoutError):
    """A mix file is wrong; a line for each problem: key, and what is wrong with it."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class EventMix(_Section):
    """One kind of event."""

    share: float = Field(default=1.0, ge=0, description="of all events, relative to the others")
    bytes: int | None = Field(default=None, ge=1, le=1_048_576, description="of the event; else of its golden events")


class WorkerMix(_Section):
    """One worker; what is left out is the mix's."""

    match: float = Field(default=1.0, ge=0, le=1, description="share of events that pass its condition, if it has one")
    batch_fill: float | None = Field(default=None, ge=1, description="records a batch; else of rate and window")
    batch_ms: float | None = Field(default=None, ge=0, description="of an invocation beside its records")
    record_ms: float | None = Field(default=None, ge=0, description="of one record")
    writes: float = Field(default=0, ge=0, description="write request units a record, of the handler's own")
    reads: float = Field(default=0, ge=0, description="read request units a record, of the handler's own")
    puts: float = Field(default=0, ge=0, description="S3 PUT requests a record, of the handler's own")
    log_bytes: int = Field(default=0, ge=0, description="a record, of the handler's own lines")


class WebMix(_Section):
    """What a router does, and what is asked of web functions that no router stands before."""

    environments: float = Field(default=1, ge=0, description="of each web function behind a router, in the mean")
    lcu: float = Field(default=1, ge=0, description="load balancer capacity units, in the mean")
    requests: float = Field(default=1_000_000, ge=0, description="a month, to each web function without a router")
    request_ms: float = Field(default=50, ge=0, description="of its function, each")
    request_kib: float = Field(default=4, ge=0, description="of request or answer, the larger, by way of an HTTP API")
    request_log_bytes: int = Field(default=1_000, ge=0, description="Lambda's three lines, and an access log's")


class Mix(_Section):
    """The whole file; ``Mix()`` is what is assumed without one."""

    active_hours: float = Field(default=730, gt=0, le=744, description="of a month, over which events come evenly")
    batch_ms: float = Field(default=15, ge=0, description="of an invocation beside its records")
    record_ms: float = Field(default=20, ge=0, description="of one record")
    retries: float = Field(default=0, ge=0, le=100, description="further receives a record")
    duplicates: float = Field(default=0, ge=0, le=1, description="share of records whose event was handled before")
    item_bytes: int = Field(default=400, ge=1, le=409_600, description="of an idempotency record")
    batch_log_bytes: int = Field(default=1_000, ge=0, description="an invocation: the core's line, and Lambda's three")
    events: dict[str, EventMix] = {}
    workers: dict[str, WorkerMix] = {}
    web: WebMix = WebMix()

    @classmethod
    def read(cls, path: Path) -> Self:
        """The mix in a YAML file.

        :raises MixError: it cannot be read, is not YAML, or says something impossible.
        """
        try:
            return cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
        except (OSError, UnicodeDecodeError) as error:
            raise MixError(f"{path}: cannot be read: {error}") from error
        except yaml.YAMLError as error:
            raise MixError(f"{path}: not YAML; fix its syntax: {error}") from error
        except ValidationError as error:
            lines = [f"{path}: {'.'.join(map(str, it['loc'])) or 'the file'}: {it['msg']}" for it in error.errors()]
            raise MixError("\n".join(lines)) from error

    def hold(self, events: Iterable[str], workers: Iterable[str]) -> None:
        """Refuse names that nothing has.

        :raises MixError: an event or worker is not one of these.
        """
        for kind, named, known in (("events", self.events, sorted(events)), ("workers", self.workers, sorted(workers))):
            if unknown := sorted(named.keys() - set(known)):
                raise MixError(f"{kind}.{unknown[0]}: there is none in the plan; write one of {', '.join(known)}")

    def worker(self, name: str) -> WorkerMix:
        """A worker's own figures, with the mix's where it has none."""
        own = self.workers.get(name, WorkerMix())
        return own.model_copy(
            update={
                "batch_ms": self.batch_ms if own.batch_ms is None else own.batch_ms,
                "record_ms": self.record_ms if own.record_ms is None else own.record_ms,
            }
        )


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """The events of a month."""

    events: Mapping[str, float]
    """How many of each."""
    bytes: Mapping[str, int]
    """How large one is."""


def traffic(mix: Mix, events: Iterable[str], a_month: float, golden: Mapping[str, int]) -> Traffic:
    """Share the events of a month out; all kinds alike unless the mix names some, which then are all.

    :param golden: bytes of an event, where the mix does not say: those of its golden events.
    :raises MixError: every share is 0.
    """
    shares = {it: own.share for it, own in mix.events.items()} or dict.fromkeys(events, 1.0)
    total = sum(shares.values())
    if total <= 0:
        raise MixError("events: every share is 0; give one event a share")
    sizes = {it: mix.events.get(it, EventMix()).bytes or golden.get(it, DEFAULT_BYTES) for it in shares}
    return Traffic(events={it: a_month * share / total for it, share in shares.items()}, bytes=sizes)


@dataclass(frozen=True, kw_only=True)
class Durations:
    """An invocation takes ``batch_ms`` and ``record_ms`` for each of its records."""

    batch_ms: float
    record_ms: float


def logged(mix: Mix, folder: Path) -> Mix:
    """The mix with the durations of each worker whose log is ``<worker>.log`` in a folder.

    :raises MixError: there is no such folder, or a log tells of no invocation.
    """
    logs = sorted(folder.glob("*.log"))
    if not logs:
        raise MixError(f"{folder}: has no log: put one there for each worker, called <worker>.log")
    workers = dict(mix.workers)
    for log in logs:
        with log.open(encoding="utf-8", errors="replace") as lines:
            found = durations(lines)
        if found is None:
            raise MixError(f"{log}: has neither REPORT lines nor fanout's own: give it the function's whole log")
        own = workers.get(log.stem, WorkerMix())
        workers[log.stem] = own.model_copy(update={"batch_ms": found.batch_ms, "record_ms": found.record_ms})
    return mix.model_copy(update={"workers": workers})


def benchmarked(mix: Mix, file: Path) -> Mix:
    """The mix with the core's own time from build/bench/worker.json: the least that any worker takes.

    :raises MixError: the file is not that benchmark's.
    """
    try:
        milliseconds = json.loads(file.read_text(encoding="utf-8"))["figures"]["batch_ms_on_emulator"]
        return mix.model_copy(update={"batch_ms": 0.0, "record_ms": float(milliseconds) / BENCHMARK_BATCH})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MixError(f"{file}: has no figures.batch_ms_on_emulator: make it with `make bench-worker`") from error


def durations(lines: Iterable[str]) -> Durations | None:
    """What the lines of one worker's log tell; None if they tell nothing."""
    billed: list[float] = []
    batches: list[tuple[float, float]] = []
    for line in lines:
        if found := _REPORT.search(line):
            billed.append(float(found[1]))
        elif (entry := _object(line)) is not None:
            billed += _billed(entry)
            batches += _batch(entry)
    return _fitted(batches, billed)


def _object(line: str) -> dict[str, Any] | None:
    """The JSON in a line; tools that fetch logs write the time before it."""
    start = line.find("{")
    try:
        read = json.loads(line[start:]) if start >= 0 else None
    except ValueError:
        return None
    return read if isinstance(read, dict) else None


def _billed(entry: dict[str, Any]) -> Iterator[float]:
    if entry.get("type") == "platform.report":
        yield float(entry.get("record", {}).get("metrics", {}).get("billedDurationMs", 0))


def _batch(entry: dict[str, Any]) -> Iterator[tuple[float, float]]:
    if "_aws" in entry and entry.get("received") and "batch_ms" in entry:
        yield float(entry["received"]), float(entry["batch_ms"])


def _fitted(batches: Sequence[tuple[float, float]], billed: Sequence[float]) -> Durations | None:
    """The line through the batches by least squares; what Lambda bills beyond it is the invocation's own."""
    if not batches:
        return Durations(batch_ms=fmean(billed), record_ms=0.0) if billed else None
    records, times = fmean(it[0] for it in batches), fmean(it[1] for it in batches)
    spread = sum((it[0] - records) ** 2 for it in batches)
    slope = sum((it[0] - records) * (it[1] - times) for it in batches) / spread if spread else times / records
    slope = min(max(slope, 0.0), times / records)
    beyond = max(0.0, fmean(billed) - times) if billed else 0.0
    return Durations(batch_ms=times - slope * records + beyond, record_ms=slope)
