"""A person's data are deleted as docs/how-to/handle-personal-data.md has it, on the deployed platform: what the shop's
workers and the platform itself have kept of one customer is gone, and another's is whole."""

from __future__ import annotations

import contextlib
import gzip
import json
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from contracts.orders import OrderLine, OrderPlaced
from fanout.payloads import ClaimCheck
from fanout.publish import Publisher
from fanout_tools.declarations import routing
from fanout_tools.declarations.worker import load_all
from tests.integration.platform import NAMESPACE, Platform, client, eventually, order
from tests.integration.test_cli import fanout

SKU = "CD-ERASURE"
LINES = 6_000
"""Of an order that is too large for its way, and has more articles than the stock reserves at once."""


PLACES = ("ledger", "balances", "awards", "points", "audit", "inventory-dlq", "claims")
"""Where the shop and the platform keep a customer: tables, buckets and queues."""


def _orders(customer: str) -> list[OrderPlaced]:
    """One that goes through, one whose article nobody has, one whose data are in S3: two become dead letters."""
    missing, large = [OrderLine(sku=f"cd-0{uuid4().hex[:8]}", quantity=1)], order(customer)
    many = [OrderLine(sku=f"{SKU}-{number:05}-{'x' * 30}", quantity=1) for number in range(LINES)]
    return [
        order(customer).model_copy(update={"lines": [OrderLine(sku=SKU, quantity=1)]}),
        order(customer).model_copy(update={"lines": missing}),
        large.model_copy(update={"lines": many}),
    ]


def _publisher(platform: Platform) -> Publisher:
    """With the way of what is too large."""
    bucket = platform.names.claims_bucket(platform.deployment.account)
    routes = routing.routes([OrderPlaced.contract.identifier], load_all(platform.services))
    check = ClaimCheck(lambda: platform.s3, lambda: bucket)
    return Publisher(client("events"), platform.names.bus, routes=routes, claim_check=check)


def _places(platform: Platform, person: str) -> Counter[str]:
    """Where the customer's id is, which the e-mail address holds too: in how many items, versions and messages."""
    found = Counter[str]()
    for place, text in _kept(platform):
        found[place] += person in text
    return +found


def _kept(platform: Platform) -> Iterator[tuple[str, str]]:
    """All that rests: every table's items, every bucket's versions and every queue's messages."""
    for table in client("dynamodb").list_tables()["TableNames"]:
        if table.startswith(NAMESPACE):
            for page in client("dynamodb").get_paginator("scan").paginate(TableName=table):
                yield from ((table, json.dumps(item, default=str)) for item in page["Items"])
    for bucket, key, version in _versions(platform):
        body = platform.s3.get_object(Bucket=bucket, Key=key, VersionId=version)["Body"].read()
        yield bucket, f"{key} {_unpacked(body)}"
    for queue in platform.sqs.list_queues(QueueNamePrefix=NAMESPACE)["QueueUrls"]:
        yield from ((queue.rpartition("/")[2], text) for text in _messages(platform, queue))


def _versions(platform: Platform) -> Iterator[tuple[str, str, str]]:
    for bucket in (it["Name"] for it in platform.s3.list_buckets()["Buckets"]):
        if bucket.startswith(NAMESPACE) and "-packages-" not in bucket:
            for page in platform.s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
                yield from ((bucket, it["Key"], it["VersionId"]) for it in page.get("Versions", ()))


def _unpacked(body: bytes) -> str:
    with contextlib.suppress(OSError, EOFError, zlib.error):
        body = gzip.decompress(body)
    return body.decode(errors="replace")


def _messages(platform: Platform, queue: str) -> list[str]:
    found: dict[str, dict[str, Any]] = {}
    while messages := platform.sqs.receive_message(
        QueueUrl=queue, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=60
    ).get("Messages"):
        found |= {it["MessageId"]: it for it in messages}
    for it in found.values():
        platform.sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=it["ReceiptHandle"], VisibilityTimeout=0)
    return [json.dumps([it["Body"], it.get("MessageAttributes")]) for it in found.values()]


def _logged(person: str) -> list[str]:
    logs = client("logs")
    groups = [it["logGroupName"] for it in logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/")["logGroups"]]
    found = []
    for group in groups:
        events = logs.filter_log_events(logGroupName=group, filterPattern=f'"{person}"')["events"]
        found += [it["message"] for it in events if person in it["message"]]
    return found


def _erase(platform: Platform, person: str, orders: list[OrderPlaced]) -> None:
    """Steps 2 and 3 of the procedure, by an administrator."""
    why = ["--no-copy", "--yes", "--why", "erasure 7"]
    small = fanout(platform, "dlq", "drop", "inventory", "--where", f"data.customer_id == '{person}'", *why)
    assert small.returncode == 0, small.stderr
    large = fanout(platform, "dlq", "ls", "inventory", "--where", "metadata.claim", "--json")
    keys = {row["event_id"]: row for row in map(json.loads, large.stdout.splitlines())}
    of_person = [it["metadata"]["event_id"] for it in platform.audit(orders[2].order_id) if it["name"] == "OrderPlaced"]
    for event_id in keys.keys() & set(of_person):
        assert fanout(platform, "dlq", "drop", "inventory", "--id", event_id, *why).returncode == 0
    for table, keys_of in {
        "ledger": [{"order_id": it.order_id} for it in orders],
        "confirmations": [{"order_id": it.order_id} for it in orders],
        "awards": [{"invoice_id": f"inv-{it.order_id}"} for it in orders],
        "balances": [{"customer_id": person}],
        "points": [{"customer_id": person}],
    }.items():
        for names in keys_of:
            item = {name: {"S": value} for name, value in names.items()}
            platform.dynamodb.delete_item(TableName=platform.names.table(table), Key=item)
    for bucket, key, version in list(_versions(platform)):
        lines = _unpacked(platform.s3.get_object(Bucket=bucket, Key=key, VersionId=version)["Body"].read()).splitlines()
        others = [line for line in lines if person not in line]
        if len(others) < len(lines):
            platform.s3.delete_object(Bucket=bucket, Key=key, VersionId=version)
            if others:  # of a file of the audit, which has all events of its batch
                platform.s3.put_object(Bucket=bucket, Key=key, Body="\n".join([*others, ""]).encode())


def test_one_customer_is_erased_and_another_is_whole(platform: Platform) -> None:
    """GIVEN two customers with orders that went through, failed, and were too large WHEN one is erased by the
    documented procedure THEN nothing of that one is in any table, bucket or queue, no log has ever had the address, and
    all of the other's is as it was."""
    erased, kept = (f"{name}-{uuid4().hex[:12]}" for name in ("erased", "kept"))
    platform.dynamodb.put_item(
        TableName=platform.names.table("stock"), Item={"sku": {"S": SKU}, "available": {"N": "100"}}
    )
    orders = {person: _orders(person) for person in (erased, kept)}
    receipts = list(_publisher(platform).publish_all([it for person in orders.values() for it in person]))
    assert all(receipt.accepted for receipt in receipts), receipts
    for person in orders:
        eventually(
            lambda person=person: _places(platform, person),  # type: ignore[misc]
            lambda places: places[f"{NAMESPACE}-inventory-dlq"] >= 2 and places[platform.names.table("awards")] == 3,
            f"{person} is everywhere",
        )
    platform.quiet()
    before = {person: _places(platform, person) for person in orders}
    assert len(before[erased]) == len(PLACES)

    _erase(platform, erased, orders[erased])
    platform.quiet()
    after = {person: _places(platform, person) for person in orders}

    assert after[erased] == Counter()
    assert after[kept] == before[kept]
    assert _logged(f"{erased}@customers.example") == []
