"""The cost of the project's deployment, from its plan, its declarations and its golden events."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

import orjson

from fanout_tools.contracts import golden
from fanout_tools.cost.inventory import inventory
from fanout_tools.cost.mix import Mix, traffic
from fanout_tools.cost.prices import load
from fanout_tools.cost.report import Report, report
from fanout_tools.declarations.worker import load_all
from fanout_tools.plans import Plan
from fanout_tools.project import project

__all__ = ["calculate", "cost_json"]


def calculate(events_per_month: float, plan: Plan, mix: Mix, services: Path) -> Report:
    """What so many events a month cost.

    :raises MixError: the mix names what there is not.
    """
    events = [it.contract.identifier for it in project().load_contracts()]
    found = inventory(plan, load_all(services, events=events), events)
    mix.hold(events, found.workers)
    return report(found, traffic(mix, found.events, events_per_month, _golden_bytes()), mix, load())


def _golden_bytes() -> Mapping[str, int]:
    """The mean size in bytes of each event's golden events, as they travel."""
    sizes: dict[str, list[int]] = {}
    for it in golden.find(project().golden):
        sizes.setdefault(it.contract.identifier, []).append(len(orjson.dumps(orjson.loads(it.delivered()))))
    return {event: round(fmean(found)) for event, found in sizes.items()}


def cost_json(calculated: Report) -> dict[str, Any]:
    """As ``fanout cost --json`` prints it."""
    return {
        "usd_per_month": round(calculated.total, 4),
        "events": calculated.events(),
        "workers": calculated.workers(),
        "items": calculated.services(),
        "levers": calculated.levers(),
        "prices": {
            "region": calculated.prices.region,
            "read_on": calculated.prices.read_on.isoformat(),
            "unverified": calculated.unverified(),
        },
        "unpriced": dict(calculated.inventory.unpriced),
        "assumed": calculated.mix.model_dump(exclude={"events", "workers"}),
    }
