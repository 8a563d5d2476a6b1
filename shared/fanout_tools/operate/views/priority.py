"""Which functions are worth tuning first: what they cost in a month, and how much of it buys nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fanout_tools.operate.sources.reports import Usage
from fanout_tools.operate.topology import Topology, WorkerPlace
from fanout_tools.operate.views.tuning import FULL

__all__ = ["Candidate", "ranked"]

MONTH_S: Final = 30 * 86_400
SLACK: Final = 0.5
"""Of its memory a function does not use: less may do."""
COLD: Final = 0.1
"""Of its invocations begin cold: keep some environments."""
SMALL: Final = 0.3
"""Of its batch size its batches have: each invocation's overhead is shared by few."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A function, and why."""

    worker: str
    usd_a_month: float
    """At the rate of what was seen."""
    worth_usd: float
    """Of it, what pays for memory that nothing uses: what tuning can save at most, if it costs no time."""
    used_mb: int
    memory_mb: int
    records_a_batch: float
    reasons: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def ranked(
    topology: Topology, used: Mapping[str, Usage], seconds: float, usd_a_gb_s: Mapping[str, float], usd_a_request: float
) -> list[Candidate]:
    """Every function that was invoked: those short of memory first, then by what tuning is worth.

    :param seconds: that the usage is of.
    :param usd_a_gb_s: by architecture.
    """
    found = []
    for name, usage in used.items():
        worker = topology.workers[name]
        price = usd_a_gb_s[worker.manifest.function.architecture]
        paid = usage.billed_ms / 1000 * usage.memory_mb / 1024 * price + usage.invocations * usd_a_request
        month = paid * MONTH_S / seconds
        slack = max(0.0, 1 - usage.used_mb / (FULL * usage.memory_mb))
        batch = usage.records / usage.invocations
        reasons = tuple(_reasons(worker, usage, batch))
        found.append(
            Candidate(
                name, round(month, 4), round(month * slack, 4), usage.used_mb, usage.memory_mb, round(batch, 2), reasons
            )
        )
    return sorted(found, key=lambda it: (it.used_mb <= FULL * it.memory_mb, -it.worth_usd, it.worker))


def _reasons(worker: WorkerPlace, usage: Usage, batch: float) -> Iterator[str]:
    if usage.used_mb > FULL * usage.memory_mb:
        yield f"its memory is nearly full: {usage.used_mb} of {usage.memory_mb} MB"
    elif usage.used_mb < (1 - SLACK) * usage.memory_mb:
        yield f"it uses {usage.used_mb} of {usage.memory_mb} MB"
    declared = worker.manifest.batch
    if declared.size > 1 and batch < SMALL * declared.size:
        yield f"its batches have {batch:.1f} of {declared.size} records: batch.window_s lets them fill"
    if usage.cold > COLD * usage.invocations:
        yield f"{usage.cold} of {usage.invocations} invocations began cold"
