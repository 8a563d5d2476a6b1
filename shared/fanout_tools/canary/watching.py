"""What workers' logs tell of canaries: see :mod:`fanout.processing.canaries`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from fanout_tools.canary.deployed import Deployed, found
from fanout_tools.canary.planning import Canary

__all__ = ["Sighting", "watch"]

AT_ONCE = 16
LOOKS_A_SECOND = 10
"""At logs, in all: CloudWatch's quota of FilterLogEvents is 5 to 25 a second, by region."""
LEAST_PAUSE_S = 0.3
SOON_S = 2.0
"""Within which a warm way is done with."""
SKEW_MS = 60_000
"""By how much the clock of this machine may be ahead of CloudWatch's."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A canary, as the worker that it was for tells of it."""

    sent_ms: int | None
    """When the queue took it, in milliseconds since 1970."""
    first_received_ms: int | None
    """When the queue first handed it out."""
    told_ms: int
    """When the function wrote the line."""
    has_handler: bool
    version: str


def watch(
    deployed: Deployed,
    canaries: Mapping[str, Canary],
    limits_s: Mapping[str, float],
    *,
    hopeless: Callable[[Canary], bool] = lambda _: False,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Sighting]:
    """Look until each canary's worker has told of it, or its limit is over; the sightings by the canaries' ids.

    :param limits_s: seconds from now on, by the canaries' ids.
    :param hopeless: whether a canary can never come; asked once of those that have not come soon.
    """
    began, since_ms = clock(), int(time.time() * 1000) - SKEW_MS
    seen: dict[str, Sighting] = {}
    asked = False
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = list(canaries)
        while waiting:
            workers = sorted({canaries[it].pair.worker for it in waiting})
            for told in pool.map(lambda worker: _told(deployed, worker, canaries, since_ms), workers):
                seen |= told
            passed_s = clock() - began
            waiting = [it for it in waiting if it not in seen and limits_s[it] > passed_s]
            if passed_s >= SOON_S and not asked:
                asked = True
                gone = list(pool.map(hopeless, (canaries[it] for it in waiting)))
                waiting = [it for it, never in zip(waiting, gone, strict=True) if not never]
            if waiting:
                sleep(max(LEAST_PAUSE_S, len(workers) / LOOKS_A_SECOND))
    return seen


def _told(deployed: Deployed, worker: str, canaries: Mapping[str, Canary], since_ms: int) -> dict[str, Sighting]:
    """The canaries for this worker that it has told of since then."""
    sightings: dict[str, Sighting] = {}
    for line in _lines(deployed, worker, since_ms):
        identity = str(line.get("canary"))
        if identity in canaries and canaries[identity].pair.worker == worker:
            sightings[identity] = Sighting(
                line.get("sent_ms"),
                line.get("first_received_ms"),
                line["told_ms"],
                line["has_handler"],
                str(line.get("function_version", "")),
            )
    return sightings


def _lines(deployed: Deployed, worker: str, since_ms: int) -> Iterator[Mapping[str, Any]]:
    group, more = deployed.names.log_group(worker), dict[str, str]()
    while True:
        page = found(
            deployed.client("logs").filter_log_events,
            logGroupName=group,
            startTime=since_ms,
            filterPattern='"canary"',
            **more,
        )
        if page is None:
            return  # the function has never run
        for event in page["events"]:
            try:
                line = json.loads(event["message"])
            except ValueError:
                continue
            if isinstance(line, dict):
                yield line
        if not page.get("nextToken"):
            return
        more = {"nextToken": page["nextToken"]}
