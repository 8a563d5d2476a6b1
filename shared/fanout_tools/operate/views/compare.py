"""Two versions of a worker beside each other: outcomes, times, cost, and the causes that only the newer one has."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fanout.errors import FanoutError
from fanout.outcomes import Outcome
from fanout_tools.operate.sources.logs import Line

__all__ = ["Comparison", "NothingToCompareError", "Version", "compare", "of_versions"]

TOOK_MS, TRIES, OUTCOME = 7, 8, 10
"""Places in a record's account: see :mod:`fanout.processing.accounts`."""

SLOWER: Final = 1.5
"""A p99 that is so many times the other's is told as worse."""
ENOUGH: Final = 20
"""Records below which a share or a percentile says little."""


class NothingToCompareError(FanoutError):
    """The logs tell of no such two versions."""

    exit_code = 3


@dataclass(frozen=True)
class Version:
    """What one version of a worker's function did with its records."""

    version: str
    first_ms: int
    records: int
    outcomes: Mapping[str, int]
    p50_ms: float | None
    """Of the handler; None: no record was handled."""
    p99_ms: float | None
    ms_a_record: float | None
    """Of batches: what Lambda is paid for."""
    died: int
    causes: Mapping[str, int]
    """Failures by error and code line."""

    def share(self, outcome: str) -> float:
        """Of the records, 0 to 1."""
        return self.outcomes.get(outcome, 0) / self.records if self.records else 0.0

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True)
class Comparison:
    """An older version and a newer one."""

    worker: str
    older: Version
    newer: Version

    @property
    def new_causes(self) -> Mapping[str, int]:
        """Failures that the older version did not have, the most frequent first."""
        found = {cause: number for cause, number in self.newer.causes.items() if cause not in self.older.causes}
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    @property
    def worse(self) -> tuple[str, ...]:
        """What a person should know of the newer version."""
        older, newer = self.older, self.newer
        told = [f"new cause, {number} times: {cause}" for cause, number in self.new_causes.items()]
        told += [
            f"{newer.share(outcome):.1%} {outcome}, was {older.share(outcome):.1%}"
            for outcome in (Outcome.RETRIED, Outcome.REJECTED)
            if newer.records >= ENOUGH and newer.share(outcome) > 2 * older.share(outcome) + 0.01
        ]
        if newer.records >= ENOUGH and older.p99_ms and (newer.p99_ms or 0) > SLOWER * older.p99_ms:
            told.append(f"p99 {newer.p99_ms:.0f} ms, was {older.p99_ms:.0f} ms")
        if newer.died > older.died:
            told.append(f"{newer.died} invocations died, were {older.died}")
        return tuple(told)

    def to_json(self) -> dict[str, Any]:
        return {
            "worker": self.worker,
            "older": self.older.to_json(),
            "newer": self.newer.to_json(),
            "new_causes": dict(self.new_causes),
            "worse": list(self.worse),
        }


def compare(worker: str, lines: Iterable[Line], older: str | None = None, newer: str | None = None) -> Comparison:
    """Two versions by the lines of the log; the newest two unless they are named.

    :raises NothingToCompareError: the lines do not tell of both.
    """
    found = of_versions(lines)
    known = sorted(found, key=lambda name: found[name].first_ms)
    wanted = [older, newer] if older and newer else known[-2:]
    missing = [name for name in wanted if name not in found]
    if missing or len(wanted) < 2:
        there = f"version {', '.join(known)} alone" if known else "none"
        raise NothingToCompareError(
            f"worker {worker}: two versions are needed, its logs tell of {there}; --since 7d looks further back"
        )
    return Comparison(worker, found[str(wanted[0])], found[str(wanted[1])])


def of_versions(lines: Iterable[Line]) -> Mapping[str, Version]:
    """Each version that the lines tell of. A death has no version: it is that of the line before it."""
    by_version: dict[str, list[Line]] = {}
    last: str | None = None
    for line in lines:
        last = str(line.fields["function_version"]) if "function_version" in line.fields else last
        if last is not None:
            by_version.setdefault(last, []).append(line)
    return {version: _version(version, some) for version, some in by_version.items() if any(_records(some))}


def _records(lines: Iterable[Line]) -> list[Line]:
    return [line for line in lines if line.is_metrics]


def _version(version: str, lines: Sequence[Line]) -> Version:
    batches = _records(lines)
    outcomes = Counter({str(name): sum(line.fields.get(name, 0) for line in batches) for name in Outcome})
    records = sum(line.fields["received"] for line in batches)
    spans = [span for line in lines for span in line.fields.get("spans", ())]
    took = sorted(span[TOOK_MS] for span in spans if span[TOOK_MS] is not None)
    batch_ms = sum(line.fields.get("batch_ms", 0.0) for line in batches)
    return Version(
        version,
        min(line.at_ms for line in lines),
        records,
        dict(+outcomes),
        _percentile(took, 0.5),
        _percentile(took, 0.99),
        round(batch_ms / records, 3) if records else None,
        sum(line.is_death for line in lines),
        dict(Counter(_cause(line) for line in lines if line.is_failure)),
    )


def _cause(line: Line) -> str:
    fields = line.fields
    return " ".join(str(fields[key]) for key in ("error_type", "error_at") if fields.get(key)) or str(
        fields.get("exception_name") or fields.get("logger") or "unknown"
    )


def _percentile(ordered: Sequence[float], share: float) -> float | None:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None
