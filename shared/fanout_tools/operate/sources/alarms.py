"""What rings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fanout_tools.operate.fast import Fast
from fanout_tools.operate.topology import Topology

__all__ = ["Alarm", "ringing"]


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm of the deployment that rings."""

    name: str
    description: str
    since: float | None
    """Seconds since 1970; None: it is not said."""


async def ringing(fast: Fast, topology: Topology) -> Sequence[Alarm]:
    """The alarms of this deployment that ring now, by name; a page has a hundred."""
    asked: dict[str, Any] = {
        "StateValue": "ALARM",
        "AlarmNamePrefix": f"{topology.names.namespace}-",
        "AlarmTypes": ["MetricAlarm", "CompositeAlarm"],  # else composite ones are left out
    }
    found: list[Alarm] = []
    async for page in fast.pages("cloudwatch", "DescribeAlarms", **asked):
        found += [_alarm(it) for kind in ("MetricAlarms", "CompositeAlarms") for it in page.get(kind) or ()]
    return sorted(found, key=lambda alarm: alarm.name)


def _alarm(answer: dict[str, Any]) -> Alarm:
    since = answer.get("StateTransitionedTimestamp") or answer.get("StateUpdatedTimestamp")
    return Alarm(answer["AlarmName"], answer.get("AlarmDescription") or "", float(since) if since else None)
