"""The scenarios on a deployment, beside ``fanout dev``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from uuid import uuid4

from fanout import aws
from fanout_tools.operate.reading import Reading
from fanout_tools.operate.topology import EMULATED_ACCOUNT, Topology
from fanout_tools.operate.tracing import Tracing
from fanout_tools.project import project
from scripts.dev.scenarios import effects_of, missed, outcomes, prepare, scenarios
from scripts.dev.side import on_dev
from tests.integration.platform import Platform, eventually

__all__ = ["disagreements"]


def disagreements(platform: Platform) -> Iterator[tuple[str, str]]:
    """Each scenario's name, and what differs; nothing, where both sides came to what the scenario says."""
    run, since = f"dev-{uuid4().hex[:8]}", time.time() - 60
    of = project(platform.services.parent)
    topology = Topology.of(of, platform.names)
    tracing = Tracing(topology, Reading(topology, aws.client), of.services)
    prepare(run, platform.dynamodb, platform.s3, platform.names, EMULATED_ACCOUNT)
    table = scenarios(run)
    assert all(receipt.accepted for receipt in platform.publisher.publish_all(it.event for it in table))
    told, here = dict[str, str](), on_dev(platform.services.parent, run)
    for it in table:
        told[it.name] = "; ".join(missed(it, here[it.name]["outcomes"]))
        try:
            look = partial(outcomes, tracing, it.event, since)
            eventually(look, here[it.name]["outcomes"].__eq__, f"{it.name}: as on fanout dev")
        except AssertionError as error:
            told[it.name] += str(error)
        if it.again:
            platform.publisher.publish(it.event)
    platform.quiet()
    for it in table:
        there = effects_of(platform.dynamodb, platform.names, it)
        if not there == here[it.name]["effects"] == it.effects:
            told[it.name] += f"; effects: {there} there, {here[it.name]['effects']} here, not {it.effects}"
        if not told[it.name] and outcomes(tracing, it.event, since) != here[it.name]["outcomes"]:
            told[it.name] = "it has changed at last"
    yield from told.items()
