"""What a scenario is: workers, the events that they are sent, and what must have come of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from scripts.reliability.site import Define, Helper
from scripts.reliability.world import World

__all__ = ["PATIENT", "SOURCE", "Scenario"]

SOURCE = "reliability"
PATIENT = {"queue": {"max_receives": 20}}
"""What a handler's own call raises is a failed try; so many tries last longer than two outages of the matrix."""


@dataclass(frozen=True)
class Scenario:
    name: str
    events: tuple[str, ...]
    """That the worker subscribes to."""
    define: Define
    send: Callable[[World], None]
    effects: frozenset[str] = frozenset()
    """Each must be there once."""
    published: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    """The data of the events that must be on the bus, by name: each under one event_id."""
    dead: frozenset[int] = frozenset()
    """The numbers of the records that belong in the DLQ."""
    modes: tuple[str, ...] = ("strict", "claim")
    sections: Mapping[str, Any] = field(default_factory=dict)
    routes: Mapping[str, Any] = field(default_factory=dict)
    key: tuple[str, ...] = ()
    """``idempotency.key``"""
    elsewhere: Helper | None = None
    """Another worker."""

    def manifest(self, mode: str) -> dict[str, Any]:
        return {
            "subscribes": [{"event": f"{SOURCE}/{event}"} for event in self.events],
            "publishes": [f"{SOURCE}/Followed"],
            "idempotency": {"mode": mode, "key": list(self.key)},
            "function": {"timeout_s": 30},
            **self.sections,
        }

    def helper(self, mode: str) -> Helper | None:
        """The other worker in that mode."""
        if self.elsewhere is None:
            return None
        return replace(self.elsewhere, sections={**self.elsewhere.sections, "idempotency": {"mode": mode}})
