"""The way of an event, told after the fact by what its workers keep and log."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from contracts.orders import OrderLine
from fanout.events.envelope import Envelope
from fanout.publish import wrap
from fanout_tools.operate.fast import Fast
from fanout_tools.operate.sources.handled import handled
from fanout_tools.operate.sources.metrics import Window
from fanout_tools.operate.topology import Topology
from fanout_tools.project import project
from tests.integration.platform import Platform, client, eventually, order
from tests.integration.test_cli import fanout


@pytest.fixture(autouse=True)
def _stock(platform: Platform) -> None:
    platform.dynamodb.put_item(
        TableName=platform.names.table("stock"), Item={"sku": {"S": "CD-TEST"}, "available": {"N": "1000000"}}
    )


def message(envelope: Envelope, file: Path) -> Path:
    """A file with the event as a queue has it."""
    detail = json.loads(envelope.detail())
    body = {"source": envelope.source, "detail-type": envelope.name, "detail": detail}
    file.write_text(json.dumps(body), encoding="utf-8")
    return file


def traced(platform: Platform, *arguments: str) -> tuple[dict[str, Any], int]:
    """The tree's root, and the exit status."""
    done = fanout(platform, "trace", *arguments, "--json")
    assert done.stdout, done.stderr
    [root] = json.loads(done.stdout)["events"]
    return root, done.returncode


def told(node: dict[str, Any]) -> dict[str, str]:
    """What became of an event in each worker."""
    return {each["worker"]: each["fate"] for each in node["workers"]}


def untimed(node: dict[str, Any]) -> list[str]:
    """The workers that had the event, and whose log has not told when."""
    below = [name for each in node["workers"] for child in each["caused"] for name in untimed(child)]
    return below + [each["worker"] for each in node["workers"] if each["fate"] == "handled" and not each["tries"]]


def test_an_order_is_traced_complete(platform: Platform, tmp_path: Path) -> None:
    """GIVEN an order that was handled, and its follow-up WHEN it is traced THEN each subscriber of both is there with
    when it had the event, or with the filter that kept it away; by the follow-up's id the same tree is found, and it
    is a file of its own on request."""
    placed = wrap(order(f"c-{uuid4()}", amount=42.5))
    event_id, data = placed.metadata.event_id, message(placed, tmp_path / "placed.json")
    platform.publisher.publish(placed)
    eventually(lambda: platform.item("awards", invoice_id=f"inv-{placed.data['order_id']}"), bool, "points are awarded")
    platform.quiet()

    page = tmp_path / "trace.html"
    root, status = eventually(
        lambda: traced(platform, event_id, "--data", str(data), "--html", str(page)),
        lambda seen: untimed(seen[0]) == [],
        "the workers' logs have told their times",
    )
    subscribed = {name for name, each in platform.deployment.manifests.items() if named(each, placed.identifier)}
    handled = dict.fromkeys(("audit", "billing", "inventory", "notifications"), "handled")
    assert told(root) == dict.fromkeys(subscribed, "filtered") | handled
    assert status == 0
    [invoice] = next(each for each in root["workers"] if each["worker"] == "billing")["caused"]
    assert invoice["event"] == "shop.billing/InvoiceIssued"
    assert {name: fate for name, fate in told(invoice).items() if fate == "handled"} == {
        "audit": "handled",
        "loyalty": "handled",
    }
    assert all(attempt["took_ms"] > 0 for each in root["workers"] for attempt in each["tries"])
    assert "InvoiceIssued" in page.read_text(encoding="utf-8")
    assert traced(platform, invoice["event_id"])[0]["event_id"] == event_id

    why = fanout(platform, "why", event_id, "probe", "--data", str(data))
    assert why.returncode == 0
    assert "filtered: detail.data.customer_id is" in why.stdout
    assert "not subscribed" in fanout(platform, "why", event_id, "thumbnails").stdout


def test_a_workers_log_tells_what_it_has_handled(platform: Platform) -> None:
    """GIVEN an order that billing has handled WHEN its log is asked, as a replay of a forgotten time does THEN it tells
    the order's id."""
    placed = wrap(order(f"c-{uuid4()}", amount=42.5))
    platform.publisher.publish(placed)
    topology = Topology.of(project(platform.services.parent), platform.names)

    async def logged() -> frozenset[str]:
        async with Fast.reached(topology.place) as fast:
            return await handled(fast, topology, topology.worker("billing"), Window(time.time() - 600, time.time()))

    event_id = placed.metadata.event_id
    eventually(lambda: asyncio.run(logged()), lambda ids: event_id in ids, "billing's log has the order")


def test_a_rejected_order_is_dead_with_its_cause(platform: Platform) -> None:
    """GIVEN an order of something that was never in stock WHEN it is traced THEN the inventory's DLQ has it, with the
    cause and the place in the code, and the exit status says that something is stuck."""
    wanted = order(f"c-{uuid4()}").model_copy(update={"lines": [OrderLine(sku=f"CD-{uuid4()}", quantity=1)]})
    placed = wrap(wanted)
    platform.publisher.publish(placed)

    def why() -> tuple[str, int]:
        done = fanout(platform, "why", placed.metadata.event_id, "inventory", "--event", placed.identifier)
        return done.stdout + done.stderr, done.returncode

    # The DLQ tells the cause at once, the log the place in the code, some seconds later.
    said, status = eventually(why, lambda seen: "inventory/" in seen[0], "the log tells the place in the code")
    assert "inventory: dead: " in said
    assert "not in stock" in said
    assert status == 4
    purge(platform, "inventory")


def test_an_unknown_event_is_not_found(platform: Platform) -> None:
    """GIVEN an id that no event has WHEN traced THEN the exit status is 3, and the text says what else to try."""
    done = fanout(platform, "trace", str(uuid4()))

    assert done.returncode == 3
    assert "--event" in done.stderr


def named(manifest: Any, event: str) -> bool:
    return any(each.event in (event, "*") for each in manifest.subscribes)


def purge(platform: Platform, worker: str) -> None:
    """Leave the DLQ to other tests as it was."""
    client("sqs").purge_queue(QueueUrl=platform.deployment.dead_letter_queue_url(worker))
