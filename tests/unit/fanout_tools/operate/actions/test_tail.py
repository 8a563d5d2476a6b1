"""A look at the bus makes its lease first, and takes away what it made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from fanout.errors import PatternError
from fanout.events.personal import KEYWORD, MASK
from fanout_tools.operate.actions import tail
from fanout_tools.operate.actions.tail import Tail, TailError, pattern_of
from fanout_tools.operate.lease import LEASE_S
from fanout_tools.operate.masking import NOTHING, Masking
from fanout_tools.operate.topology import Place, Topology, UnknownWorkerError
from tests.unit.fanout_tools.operate.conftest import deployment

TOPOLOGY = deployment("billing", place=Place("123456789012", "eu-central-1"))


@pytest.fixture
def aws() -> Iterator[dict[str, Any]]:
    """The services' clients, with the deployment's bus and the group of its leases."""
    with mock_aws():
        clients: dict[str, Any] = {name: boto3.client(name) for name in ("sqs", "events", "scheduler")}
        clients["events"].create_event_bus(Name="shop-prod")
        clients["scheduler"].create_schedule_group(Name="shop-prod-operations")
        yield clients


def left(aws: dict[str, Any]) -> list[str]:
    """Everything that a tail makes, by kind."""
    queues = aws["sqs"].list_queues(QueueNamePrefix="shop-prod-tail-").get("QueueUrls", [])
    rules = aws["events"].list_rules(EventBusName="shop-prod", NamePrefix="shop-prod-tail-")["Rules"]
    schedules = aws["scheduler"].list_schedules(GroupName="shop-prod-operations")["Schedules"]
    return ["queue"] * len(queues) + ["rule"] * len(rules) + ["schedule"] * len(schedules)


def looking(aws: dict[str, Any], topology: Topology = TOPOLOGY) -> Tail:
    return Tail(topology, {"source": ["shop.orders"]}, aws.__getitem__)


ALL = ["queue", "rule", "schedule", "schedule", "schedule"]


def test_rule_and_queue_are_there_while_it_looks_and_gone_after(aws: dict[str, Any]) -> None:
    with looking(aws).open():
        assert left(aws) == ALL
    assert left(aws) == []


def test_what_fails_while_it_is_made_leaves_nothing(aws: dict[str, Any]) -> None:
    broken = Tail(TOPOLOGY, {"source": "no list"}, aws.__getitem__)
    with pytest.raises(ClientError), broken.open():
        pass
    assert left(aws) == []


def test_events_are_shown_without_canaries_and_other_texts(
    aws: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    event = {
        "version": "0",
        "id": "i",
        "detail-type": "OrderPlaced",
        "source": "shop.orders",
        "account": "1",
        "time": "2026-01-01T00:00:00Z",
        "region": "eu-central-1",
        "resources": [],
        "detail": {
            "metadata": {
                "event_id": "e1",
                "schema_version": 1,
                "correlation_id": "c1",
                "published_at": "2026-01-01T00:00:00Z",
            },
            "data": {"secret": 1},
        },
    }
    monkeypatch.setattr(tail, "POLL_S", 0)
    looked = looking(aws)
    with looked.open():
        url = aws["sqs"].get_queue_url(QueueName=looked.name)["QueueUrl"]
        for body in (json.dumps(event), "no event"):
            aws["sqs"].send_message(QueueUrl=url, MessageBody=body)
        times = iter([0.0, 0.0, 0.0, LEASE_S, LEASE_S, LEASE_S + 61.0, LEASE_S + 61.0])
        [seen] = looked.look(LEASE_S + 60, clock=lambda: next(times))

    assert (seen.event, seen.event_id, seen.correlation_id) == ("shop.orders/OrderPlaced", "e1", "c1")
    assert "data" not in seen.to_json(data=None)
    masking = Masking({"shop.orders/OrderPlaced": {"properties": {"secret": {KEYWORD: True}}}})
    assert seen.to_json(data=masking)["data"] == {"secret": MASK}
    assert seen.to_json(data=NOTHING)["data"] == {"secret": 1}


@pytest.mark.parametrize(
    ("about", "pattern"),
    [
        ("*", {"version": ["0"]}),
        ("shop.orders/OrderPlaced", {"source": ["shop.orders"], "detail-type": ["OrderPlaced"]}),
        ("shop.orders/*", {"source": ["shop.orders"]}),
        ('{"source": ["a"]}', {"source": ["a"]}),
        ("billing", {"source": ["shop.orders", "canary.shop.orders"], "detail-type": ["OrderPlaced"]}),
    ],
)
def test_a_pattern_is_made_of_what_a_person_names(about: str, pattern: dict[str, Any]) -> None:
    assert pattern_of(TOPOLOGY, about) == pattern


@pytest.mark.parametrize(
    ("about", "error"), [("biling", UnknownWorkerError), ('{"source": "a"}', PatternError), ("{", TailError)]
)
def test_what_is_no_pattern_is_refused(about: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        pattern_of(TOPOLOGY, about)
