"""Compares the effects that are there with those that should be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["TABLES", "Reconciliation", "expected_effects", "reconcile"]

TABLES = {
    "committer": ("committed", "strict", "commit"),
    "claimer": ("claimed", "claim", "commit"),
    "conditioner": ("conditioned", "off", "conditional write"),
    "issuer": ("issued", "strict", "commit and publish"),
}
"""Each worker's table, its idempotency mode, and how its effects come about."""


@dataclass(frozen=True)
class Reconciliation:
    """What became of a worker's effects."""

    worker: str
    means: str
    expected: int
    lost: Sequence[str]
    doubled: Sequence[str]
    strange: Sequence[str]
    """Effects of no event that was published."""
    dead: int
    """Messages in its DLQ: innocents, for every order can be handled."""

    @property
    def sound(self) -> bool:
        return not (self.lost or self.doubled or self.strange or self.dead)

    def row(self) -> dict[str, Any]:
        counts = {name: len(getattr(self, name)) for name in ("lost", "doubled", "strange")}
        return {
            "worker": self.worker,
            "mode": TABLES[self.worker][1],
            "by": self.means,
            "effects": self.expected,
            **counts,
            "dead letters": self.dead,
        }


def expected_effects(worker: str, orders: Sequence[str]) -> set[str]:
    """The effects that these orders should have in a worker; the issuer's own invoices come back to it."""
    invoices = {f"inv-{order}" for order in orders} if worker == "issuer" else set()
    return invoices | set(orders)


def reconcile(worker: str, orders: Sequence[str], times: Mapping[str, int], *, dead: int) -> Reconciliation:
    """
    :param times: how often each effect has happened.
    """
    expected = expected_effects(worker, orders)
    return Reconciliation(
        worker=worker,
        means=TABLES[worker][2],
        expected=len(expected),
        lost=sorted(expected - {effect for effect, count in times.items() if count > 0}),
        doubled=sorted(effect for effect, count in times.items() if count > 1),
        strange=sorted(set(times) - expected),
        dead=dead,
    )
