"""All that a deployment consists of follows from its declarations and names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fanout_tools.declarations.naming import Names
from fanout_tools.declarations.worker import Manifest
from fanout_tools.operate.topology import Place, Topology, UnknownWorkerError
from fanout_tools.project import project
from scripts.paths import REPOSITORY

AWS = Place("123456789012", "eu-central-1")
EMULATOR = Place("000000000000", "us-east-1", endpoint="http://127.0.0.1:4566")


def manifest(event: str, **keys: Any) -> Manifest:
    declared = {"description": "It works", "subscribes": [{"event": event}], **keys}
    return Manifest.parse(declared, file="worker.yaml")


def topology(place: Place = AWS) -> Topology:
    manifests = {
        "audit": manifest("*", via="bus", idempotency={"mode": "off"}),
        "billing": manifest("shop.orders/OrderPlaced", publishes=["shop.billing/Paid"], outbox=True),
        "ledger": manifest("shop.orders/OrderPlaced", via="bus", queue={"fifo": True}),
    }
    return Topology.made(manifests, Names("shop-prod"), place, ["fulfilment"])


def test_a_workers_things_have_their_names() -> None:
    billing = topology().worker("billing")

    assert billing.function == "shop-prod-billing"
    assert billing.log_group == "/aws/lambda/shop-prod-billing"
    assert billing.queue_url == "https://sqs.eu-central-1.amazonaws.com/123456789012/shop-prod-billing"
    assert billing.dead_letter_queue == "shop-prod-billing-dlq"
    assert billing.records_table == "shop-prod-billing-idempotency"
    assert (billing.fifo, billing.undelivered_queue) == (False, None)


def test_a_fifo_worker_has_a_queue_for_what_cannot_come_to_its_own() -> None:
    ledger = topology().worker("ledger")

    assert ledger.queue_url.endswith("/shop-prod-ledger.fifo")
    assert ledger.dead_letter_queue_url.endswith("/shop-prod-ledger-dlq.fifo")
    assert ledger.undelivered_queue == "shop-prod-ledger-undelivered-dlq"


def test_a_worker_that_remembers_nothing_has_no_table() -> None:
    assert topology().worker("audit").records_table is None


def test_an_emulators_queues_are_under_its_own_address() -> None:
    assert topology(EMULATOR).worker("audit").queue_url == "http://127.0.0.1:4566/000000000000/shop-prod-audit"


def test_chinas_hosts_end_in_a_name_of_their_own() -> None:
    assert Place("1", "cn-north-1", "aws-cn").queue_url("q") == "https://sqs.cn-north-1.amazonaws.com.cn/1/q"


def test_subscribers_are_those_of_the_event_and_of_every_event() -> None:
    assert [it.name for it in topology().subscribers("shop.orders", "OrderPlaced")] == ["audit", "billing", "ledger"]
    assert [it.name for it in topology().subscribers("shop.orders", "OrderPaid")] == ["audit"]


def test_an_unknown_worker_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownWorkerError, match="worker biling: no such worker; did you mean billing"):
        topology().worker("biling")


def test_queues_of_unheard_events_are_those_of_every_hop() -> None:
    assert set(topology().unheard_queues) == {
        "shop-prod-unmatched",
        "shop-prod-undelivered",
        "shop-prod-shop-orders-undelivered",
        "shop-prod-ledger-undelivered-dlq",
        "shop-prod-outbox-undelivered",
        "shop-prod-fulfilment-undelivered",
    }


def test_a_projects_deployment_has_its_workers_and_workflows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566/")
    found = Topology.of(project(REPOSITORY), Names("fanout-local"))

    assert set(found.workers) == {it.parent.name for it in Path(REPOSITORY, "services").glob("*/worker.yaml")}
    declared = {it.parent.name for it in Path(REPOSITORY, "services").glob("*/workflow.yaml")}
    assert {name: arn.rpartition(":stateMachine:")[2] for name, arn in found.workflows.items()} == {
        name: f"fanout-local-{name}" for name in declared
    }
    assert all(it.queue_url.startswith("http://127.0.0.1:4566/000000000000/") for it in found.workers.values())


def test_the_account_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_REGION", "us-gov-west-1")
    told = f"arn:aws-us-gov:sts::{'9' * 12}:assumed-role/r/s"
    monkeypatch.setattr("fanout_tools.operate.identity.caller", lambda *_: told)

    assert Place.reached() == Place("9" * 12, "us-gov-west-1", "aws-us-gov")
