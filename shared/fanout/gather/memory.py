"""Aggregator in this process, for unit tests. It promises what DynamoDB's store does."""

from __future__ import annotations

from collections.abc import Mapping

from fanout.events.envelope import Envelope
from fanout.gather.state import Part, ScatterGather

__all__ = ["MemoryGatherStore"]


class MemoryGatherStore:
    """See :class:`fanout.gather.store.GatherStore`."""

    def __init__(self) -> None:
        self.gathers: dict[str, ScatterGather] = {}
        self._requests: dict[str, Envelope] = {}
        self._parts: dict[str, dict[int, Part]] = {}

    def create(self, gather: ScatterGather, request: Envelope) -> ScatterGather:
        self._requests.setdefault(gather.gather_id, request)
        return self.gathers.setdefault(gather.gather_id, gather)

    def read(self, gather_id: str) -> ScatterGather | None:
        return self.gathers.get(gather_id)

    def request(self, gather_id: str) -> Envelope:
        return self._requests[gather_id]

    def keep(self, gather_id: str, part: Part) -> Part:
        return self._parts.setdefault(gather_id, {}).setdefault(part.index, part)

    def mark_done(self, gather_id: str, index: int) -> ScatterGather | None:
        found = self.gathers.get(gather_id)
        return self._replace(found and found.mark_done(index))

    def close(self, gather_id: str, timer_id: str) -> ScatterGather | None:
        found = self.gathers.get(gather_id)
        return self._replace(found and found.close(timer_id))

    def _replace(self, changed: ScatterGather | None) -> ScatterGather | None:
        if changed is not None:
            self.gathers[changed.gather_id] = changed
        return changed

    def part(self, gather_id: str, index: int) -> Part | None:
        return self._parts.get(gather_id, {}).get(index)

    def parts(self, gather_id: str) -> Mapping[int, Part]:
        return dict(self._parts.get(gather_id, {}))
