"""Where gathers are kept: what a store promises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from fanout.events.envelope import Envelope
from fanout.gather.state import Part, ScatterGather

__all__ = ["GatherStore"]


class GatherStore(Protocol):
    """Each method is one step that happens as a whole or not at all; each may be repeated, which changes nothing.

    Every method raises what its database raises when that does not answer: the record comes again.
    """

    def create(self, gather: ScatterGather, request: Envelope) -> ScatterGather:
        """Keep a new gather with the event that was scattered; returns the gather as it is kept, which is an older one
        if it was there already."""

    def read(self, gather_id: str) -> ScatterGather | None:
        """The gather as it is now; None when it is unknown, or forgotten."""

    def request(self, gather_id: str) -> Envelope:
        """The event that was scattered.

        :raises KeyError: the gather is unknown, or forgotten.
        """

    def keep(self, gather_id: str, part: Part) -> Part:
        """Keep what a part reported; returns what is kept: the part's first report stays."""

    def mark_done(self, gather_id: str, index: int) -> ScatterGather | None:
        """Count a part whose report is kept, unless it is counted already, or the gather closed or unknown: then
        None."""

    def close(self, gather_id: str, timer_id: str) -> ScatterGather | None:
        """Close the gather for good, unless it is closed already: then None."""

    def part(self, gather_id: str, index: int) -> Part | None:
        """What one part reported first."""

    def parts(self, gather_id: str) -> Mapping[int, Part]:
        """What was kept of all parts, late ones too."""
