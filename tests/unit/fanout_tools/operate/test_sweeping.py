"""What commands left that did not end goes with a later one, and nothing else does."""

from __future__ import annotations

from typing import Any

import pytest

from fanout_tools.operate.lease import LEASE_S
from fanout_tools.operate.operations import new_id
from fanout_tools.operate.sweeping import sweep
from tests.unit.fanout_tools.operate.actions.test_tail import TOPOLOGY, aws, left, looking

__all__ = ["aws"]


def test_the_sweep_takes_what_nobody_extends_and_no_more(aws: dict[str, Any]) -> None:
    """GIVEN a tail whose terminal was killed, and one that lives WHEN swept after the first's lease THEN that one alone
    is gone."""
    dead = looking(aws)
    killed = dead.open()  # held, else its end would come with its last name
    killed.__enter__()
    began = int(dead.operation.partition("-")[0], 16)

    assert sweep(TOPOLOGY, aws.__getitem__, began + LEASE_S - 60) == []
    dead.lease.extend(began + 3 * LEASE_S)
    assert sweep(TOPOLOGY, aws.__getitem__, began + 2 * LEASE_S) == []
    dead.lease.end()  # as Scheduler does once it has fired
    assert sweep(TOPOLOGY, aws.__getitem__, began + LEASE_S + 60) == [dead.name]
    assert left(aws) == []


@pytest.mark.parametrize("name", ["tail-by-hand", "replay-somebody-elses-queue", "replay-x"])
def test_what_no_command_has_made_stays(name: str, aws: dict[str, Any]) -> None:
    aws["sqs"].create_queue(QueueName=f"shop-prod-{name}")

    assert sweep(TOPOLOGY, aws.__getitem__, 10**10) == []


def test_the_staging_queue_of_a_replay_goes_once_its_lease_is_over(aws: dict[str, Any]) -> None:
    began = 1_800_000_000.0
    name = TOPOLOGY.names.temporary("replay", new_id("replay", began, "ab12"))
    aws["sqs"].create_queue(QueueName=name)
    aws["events"].put_rule(Name=name, EventBusName="shop-prod", EventPattern='{"source": ["a"]}')
    aws["events"].put_targets(
        Rule=name, EventBusName="shop-prod", Targets=[{"Id": "staging", "Arn": "arn:aws:sqs:eu-central-1:1:q"}]
    )

    assert sweep(TOPOLOGY, aws.__getitem__, began + LEASE_S) == []
    assert sweep(TOPOLOGY, aws.__getitem__, began + LEASE_S + 1) == [name]
    assert aws["events"].list_rules(EventBusName="shop-prod", NamePrefix=name)["Rules"] == []
