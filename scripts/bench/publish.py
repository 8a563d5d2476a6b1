"""How fast events get onto the bus, and what that costs beside what botocore costs by itself.

Rates are of the clock, against the loops that one writes on boto3 by hand: on an emulator on this machine, whose one
process is what limits them, and with answers that take as long as a near AWS region's. CPU is measured with the answers
put in where botocore would open a connection: the floor are full calls of entries that were made beforehand, ours
begins with the contract's models: wrapping, JSON, sizes, batches, threads, receipts.
"""

from __future__ import annotations

import itertools
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any

import boto3
import orjson
from botocore.awsrequest import AWSResponse

from fanout import Publisher, aws, wrap
from fanout_tools import emulators
from scripts.bench.orders import Money, OrderLine, OrderPlaced
from scripts.bench.support import OUTPUT, Row, cpu_seconds_per_operation, format_table, write_results

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

BUS = "bench"
CALL = 10
"""Entries of a full call to a classic bus."""
SINGLE, BATCHED = 300, 3_000
"""Events per round of a loop of single calls, and of the others."""
ROUNDS = 5
ROUND_TRIP_S = 0.005
"""Of a call to AWS from within the region, at the least."""
CPU_EVENTS = 2_000
CPU_ROUNDS = 9


def orders(number: int) -> list[OrderPlaced]:
    """Orders of five lines: about 600 bytes each in their envelopes."""
    return [
        OrderPlaced(
            order_id=f"order-{index}",
            customer_id="customer-1",
            email="customer-1@customers.example",
            placed_on="1997-01-01",
            lines=[OrderLine(sku=f"CD-{line}", quantity=1) for line in range(5)],
            total=Money(amount=42.5, currency="USD"),
        )
        for index in range(number)
    ]


def entries(events: Sequence[OrderPlaced]) -> list[dict[str, str]]:
    wrapped = [wrap(event) for event in events]
    return [
        {"EventBusName": BUS, "Source": each.source, "DetailType": each.name, "Detail": each.detail()}
        for each in wrapped
    ]


def put(client: Any, requests: Sequence[dict[str, str]], size: int) -> int:
    """Full calls one after another, as a loop on boto3 makes them."""
    for start in range(0, len(requests), size):
        answer = client.put_events(Entries=requests[start : start + size])
        assert answer["FailedEntryCount"] == 0
    return len(requests)


def publish(publisher: Publisher, events: Sequence[OrderPlaced]) -> int:
    receipts = list(publisher.publish_all(events))
    assert all(receipt.accepted for receipt in receipts)
    return len(receipts)


def rates(url: str) -> dict[str, float]:
    """Events per second of the clock on an emulator."""
    with clients(url) as (bare, ours):
        bare.create_event_bus(Name=BUS)
        return _rates(bare, Publisher(ours, BUS))


def distant_rates() -> dict[str, float]:
    """Events per second of the clock when every answer takes :data:`ROUND_TRIP_S`."""

    def late(request: Any, **_: Any) -> AWSResponse:
        time.sleep(ROUND_TRIP_S)
        return answer(request)

    with clients("http://127.0.0.1:1") as (bare, ours):
        for client in (bare, ours):
            hooks: Any = client.meta.events
            hooks.register("before-send.events.PutEvents", late)
        return _rates(bare, Publisher(ours, BUS))


def _rates(bare: Any, publisher: Publisher) -> dict[str, float]:
    """Medians of interleaved rounds."""
    events = orders(BATCHED)
    requests = entries(events)
    candidates: dict[str, Callable[[], int]] = {
        "boto3, one by one": lambda: put(bare, requests[:SINGLE], 1),
        "boto3, batches of 10 in sequence": lambda: put(bare, requests, CALL),
        "fanout": lambda: publish(publisher, events),
    }
    samples: dict[str, list[float]] = {name: [] for name in candidates}
    for counted, (name, work) in itertools.product([False] + [True] * ROUNDS, candidates.items()):
        start = time.perf_counter()
        rate = work() / (time.perf_counter() - start)
        if counted:
            samples[name].append(rate)
    publisher.close()
    return {name: statistics.median(each) for name, each in samples.items()}


def cpu() -> dict[str, float]:
    """CPU seconds per event, with the answers put in at the HTTP layer."""
    with clients("http://127.0.0.1:1") as (bare, ours):
        for client in (bare, ours):
            hooks: Any = client.meta.events
            hooks.register("before-send.events.PutEvents", answer)
        return _cpu(bare, Publisher(ours, BUS))


def _cpu(bare: Any, publisher: Publisher) -> dict[str, float]:
    events = orders(CPU_EVENTS)
    requests = entries(events)
    seconds = cpu_seconds_per_operation(
        {
            "botocore's floor": lambda: put(bare, requests, CALL),
            "wrapping and JSON alone": lambda: len(entries(events)),
            "fanout": lambda: publish(publisher, events),
        },
        CPU_ROUNDS,
    )
    publisher.close()
    return seconds


@contextmanager
def clients(url: str) -> Iterator[tuple[Any, EventBridgeClient]]:
    """boto3's client as it comes, and fanout's."""
    os.environ |= {
        "AWS_ENDPOINT_URL": url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    aws.forget_clients()
    yield boto3.client("events"), aws.client("events")
    aws.forget_clients()


BODY = orjson.dumps({"FailedEntryCount": 0, "Entries": [{"EventId": "e" * 36}] * CALL})


class _Raw(BytesIO):
    def stream(self) -> Iterator[bytes]:
        yield self.read()


def answer(request: Any, **_: Any) -> AWSResponse:
    """What the service would answer to a full call."""
    headers: Any = {"Content-Type": "application/x-amz-json-1.1"}
    return AWSResponse(request.url, 200, headers, _Raw(BODY))


def main() -> None:
    with emulators.running("ministack", run_dir=OUTPUT / "publish-emulator") as endpoints:
        per_second = rates(endpoints.url)
    distant = distant_rates()
    per_event = cpu()
    rows: list[Row] = [
        {
            "what": name,
            "events/s": per_second.get(name, ""),
            "events/s, 5 ms away": distant.get(name, ""),
            "CPU us/event": per_event[name] * 1e6 if name in per_event else "",
        }
        for name in [*per_second, *(name for name in per_event if name not in per_second)]
    ]
    figures = {
        "vs_boto3_single": per_second["fanout"] / per_second["boto3, one by one"],
        "vs_boto3_batched": per_second["fanout"] / per_second["boto3, batches of 10 in sequence"],
        "cpu_vs_botocore_floor": per_event["fanout"] / per_event["botocore's floor"],
        "vs_boto3_single_5ms": distant["fanout"] / distant["boto3, one by one"],
        "vs_boto3_batched_5ms": distant["fanout"] / distant["boto3, batches of 10 in sequence"],
        "events_per_s": per_second["fanout"],
        "cpu_us_per_event": per_event["fanout"] * 1e6,
    }
    print(format_table(rows))
    print("\n".join(f"{name}: {value:,.3g}" for name, value in figures.items()))
    print(write_results("publish", rows, figures))


if __name__ == "__main__":
    main()
