"""``fanout dev`` beside the deployment: the same events come to the same."""

from __future__ import annotations

import time
from functools import partial
from uuid import uuid4

from fanout import aws
from fanout_tools.operate.reading import Reading
from fanout_tools.operate.topology import EMULATED_ACCOUNT, Topology
from fanout_tools.operate.tracing import Tracing
from fanout_tools.project import project
from scripts.dev.scenarios import Outcomes, Scenario, effects_of, missed, outcomes, prepare, scenarios
from scripts.dev.side import on_dev
from tests.integration.platform import Platform, eventually


def test_events_come_to_the_same_in_fanout_dev(platform: Platform) -> None:
    """GIVEN an event for each thing that can become of one WHEN they are published to the deployment, and to the bus of
    fanout dev THEN each worker has the same of them, and of what they caused, on both."""
    run, since = f"dev-{uuid4().hex[:8]}", time.time() - 60
    of = project(platform.services.parent)
    topology = Topology.of(of, platform.names)
    prepare(run, platform.dynamodb, platform.s3, platform.names, EMULATED_ACCOUNT)
    table = scenarios(run)
    assert all(receipt.accepted for receipt in platform.publisher.publish_all(it.event for it in table))
    expected = on_dev(platform.services.parent, run)
    tracing = Tracing(topology, Reading(topology, aws.client), of.services)

    def seen(scenario: Scenario) -> Outcomes:
        return outcomes(tracing, scenario.event, since)

    for it in table:
        there = expected[it.name]
        assert missed(it, there["outcomes"]) == [], it.name
        assert there["effects"] == it.effects, it.name
        eventually(partial(seen, it), there["outcomes"].__eq__, f"{it.name}: as on fanout dev")
        if it.again:
            platform.publisher.publish(it.event)
    platform.quiet()
    for it in table:
        assert seen(it) == expected[it.name]["outcomes"], it.name
        assert effects_of(platform.dynamodb, platform.names, it) == it.effects, it.name
