"""How functions get their records: event source mappings, and whether somebody has paused them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fanout_tools.operate.fast import Fast
from fanout_tools.operate.topology import Topology, WorkerPlace

__all__ = ["Mapped", "mappings"]

PATH: Final = "/2015-03-31/event-source-mappings"
A_PAGE: Final = 100
"""However many are asked for
(https://docs.aws.amazon.com/lambda/latest/api/API_ListEventSourceMappings.html)."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """The mapping from a worker's queue to its function."""

    state: str
    """As Lambda has it: Enabled, Disabled, or on the way from one to the other."""
    changed_at: float | None
    """When it was changed last, in seconds since 1970."""

    @property
    def paused(self) -> bool:
        return self.state in ("Disabled", "Disabling")


async def mappings(fast: Fast, topology: Topology, workers: Iterable[WorkerPlace]) -> Mapping[str, Mapped | None]:
    """The mapping of each worker; None where there is none. Of few workers each is asked for alone, of many all of the
    region's are listed."""
    wanted = {topology.place.arn("sqs", worker.queue): worker.name for worker in workers}
    if len(wanted) * A_PAGE <= len(topology.workers):
        pages = await asyncio.gather(*(_list(fast, EventSourceArn=arn) for arn in wanted))
        listed = [it for page in pages for it in page]
    else:
        listed = await _list(fast)
    found = {it.get("EventSourceArn", ""): it for it in listed}
    return {name: _mapped(found[arn]) if arn in found else None for arn, name in wanted.items()}


async def _list(fast: Fast, **query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        page = await fast.get("lambda", "ListEventSourceMappings", PATH, MaxItems=str(A_PAGE), **query)
        found += page.get("EventSourceMappings") or []
        if not page.get("NextMarker"):
            return found
        query["Marker"] = page["NextMarker"]


def _mapped(answer: dict[str, Any]) -> Mapped:
    changed = answer.get("LastModified")
    return Mapped(str(answer.get("State")), float(changed) if isinstance(changed, int | float) else None)
