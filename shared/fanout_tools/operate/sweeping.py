"""Rules and queues of commands that did not end, where Scheduler has not taken them away: on an emulator, or where its
role was refused. Each later command that changes something looks for them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from fanout_tools.operate.lease import LEASE_S
from fanout_tools.operate.topology import Topology

__all__ = ["remove", "sweep"]

TARGETS: Final = {"replay": "staging", "tail": "tail"}
"""The id of the rule's one target, by the kind of operation."""

Client = Callable[[Any], Any]
"""Makes the client of a service by its name."""


def sweep(topology: Topology, client: Client, now: float) -> list[str]:
    """Take away what tails and replays left that did not end; returns their names.

    :param now: seconds since 1970.
    """
    return [name for kind in TARGETS for name in _sweep(topology, client, now, kind)]


def remove(client: Client, topology: Topology, name: str, target: str) -> None:
    """A rule of that name with its target, and the queue of that name, as far as they are there."""
    events, bus = client("events"), topology.names.bus
    for call, arguments in (
        (events.remove_targets, {"Rule": name, "EventBusName": bus, "Ids": [target]}),
        (events.delete_rule, {"Name": name, "EventBusName": bus}),
        (client("sqs").delete_queue, {"QueueUrl": topology.place.queue_url(name)}),
    ):
        _unless_gone(call, arguments)


def _sweep(topology: Topology, client: Client, now: float, kind: str) -> list[str]:
    prefix = topology.names.temporary(kind, "")
    pages = client("sqs").get_paginator("list_queues").paginate(QueueNamePrefix=prefix)
    names = {url.rpartition("/")[2] for page in pages for url in page.get("QueueUrls", ())}
    rules = client("events").get_paginator("list_rules").paginate(EventBusName=topology.names.bus, NamePrefix=prefix)
    names |= {rule["Name"] for page in rules for rule in page["Rules"]}
    dead = sorted(name for name in names if _is_dead(topology, client, name.removeprefix(prefix), now))
    for name in dead:
        remove(client, topology, name, TARGETS[kind])
    return dead


def _is_dead(topology: Topology, client: Client, operation: str, now: float) -> bool:
    """Whether nobody has extended its lease."""
    from botocore.exceptions import ClientError

    began = _began(operation)
    if began is None or now - began <= LEASE_S:
        return False
    try:
        schedule = client("scheduler").get_schedule(Name=f"{operation}-0", GroupName=topology.names.operations_table)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return True
    at = schedule["ScheduleExpression"].removeprefix("at(").removesuffix(")")
    return str(at) < time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))


def _began(operation: str) -> float | None:
    """As the id says: of a tail seconds since 1970, of another the time; None: it is nothing that we have made."""
    try:
        if len(operation.split("-")) > 2:
            moment = "-".join(operation.split("-")[:2])
            return datetime.strptime(f"{moment}+0000", "%y%m%d-%H%M%S%z").timestamp()
        return float(int(operation.partition("-")[0], 16))
    except ValueError:
        return None


def _unless_gone(call: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    from botocore.exceptions import ClientError

    try:
        call(**arguments)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code not in ("ResourceNotFoundException", "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"):
            raise
