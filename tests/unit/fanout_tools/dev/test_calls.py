"""Calls to AWS that this process answers."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from fanout import Publisher, aws, wrap
from fanout.events.event import contract_of
from fanout_tools.dev import resources
from fanout_tools.dev.calls import answered
from fanout_tools.dev.local import Local
from fanout_tools.operate.fence import Fence, State
from fanout_tools.project import Project
from tests.unit.fanout_tools.dev.conftest import Clock, Make, Told, write

STORING = """
description: Keep orders in a table, and a copy in a bucket
subscribes: [{ event: dev.orders/Ordered }]
tables:
  orders: { key: order_id, indexes: { by-total: total } }
buckets:
  copies: { events: true }
  others: {}
parameters: { rate: rate }
environment: { GREETING: hello }
permissions:
  - actions: [dynamodb:PutItem]
    resources: [table:orders]
  - actions: [s3:PutObject]
    resources: [bucket:copies]
"""

STORING_PY = """
import os

from devcontracts.orders import Ordered
from fanout import Context, Worker, parameters
from fanout.aws import client
from fanout.resources import bucket, table

worker = Worker(__file__)


@worker.handles(Ordered)
def store(order: Ordered, context: Context) -> None:
    item = {"order_id": {"S": order.order_id}, "total": {"S": os.environ["GREETING"]}}
    client("dynamodb").put_item(TableName=table("orders"), Item=item)
    client("s3").put_object(Bucket=bucket("copies"), Key=order.order_id, Body=b"copy")


@worker.on_invoke
def invoked(payload, context):
    if payload == "fail":
        raise ValueError("as asked")
    return {"got": payload, "worker": os.environ["FANOUT_WORKER"]}


handler = worker.lambda_handler
"""


@pytest.fixture
def here(project: Project, clock: Clock, told: Told) -> Iterator[Local]:
    """A project whose calls are answered."""
    write(project.services / "storing", STORING, STORING_PY)
    local = Local(project, told, clock)
    with answered(local):
        resources.make(local.topology)
        local.load()
        yield local


def test_handlers_reach_their_tables_and_buckets(here: Local, clock: Clock, told: Told, make: Make) -> None:
    here.publish(wrap(contract_of("dev.orders/Ordered").from_input({"order_id": "1"})))
    here.settle(clock.advance)
    assert told.outcomes("storing") == ["handled"]
    names = here.topology.names
    [item] = aws.client("dynamodb").scan(TableName=names.table("orders"))["Items"]
    assert item == {"order_id": {"S": "1"}, "total": {"S": "hello"}}
    kept = aws.client("s3").get_object(Bucket=names.bucket("copies", here.topology.account), Key="1")
    assert kept["Body"].read() == b"copy"


def test_a_bucket_that_publishes_its_objects_does_so(here: Local, told: Told) -> None:
    bucket = here.topology.names.bucket
    for name in ("copies", "others"):
        boto3.client("s3").put_object(Bucket=bucket(name, here.topology.account), Key="a b.jpg", Body=b"12345")
    [sent] = told.events
    assert sent.name == "aws.s3/Object Created"
    detail = sent.event["detail"]
    assert detail["bucket"]["name"] == bucket("copies", here.topology.account)
    assert (detail["object"]["key"], detail["object"]["size"], detail["reason"]) == ("a b.jpg", 5, "PutObject")


def test_a_publisher_of_any_client_reaches_the_bus(here: Local, told: Told) -> None:
    order = wrap(contract_of("dev.orders/Ordered").from_input({"order_id": "1"}))
    Publisher(boto3.client("events"), here.topology.names.bus).publish(order)
    assert [it.event_id for it in told.events] == [order.metadata.event_id]


def test_a_worker_is_invoked_as_a_function(here: Local) -> None:
    function = here.topology.workers["storing"].function
    answer = boto3.client("lambda").invoke(FunctionName=function, Payload=b'{"a": 1}', Qualifier="live")
    assert json.loads(answer["Payload"].read()) == {"got": {"a": 1}, "worker": "storing"}
    failed = boto3.client("lambda").invoke(FunctionName=function, Payload=b'"fail"')
    assert failed["FunctionError"] == "Unhandled"
    assert json.loads(failed["Payload"].read())["errorMessage"] == "as asked"


def test_the_fence_reads_frees_and_forgets_what_a_worker_remembers(here: Local, clock: Clock) -> None:
    envelope = wrap(contract_of("dev.orders/Ordered").from_input({"order_id": "1"}))
    fence = Fence(aws.client("dynamodb"), here.topology.workers["stock"], clock=clock)
    assert fence.look([envelope])[0].state is State.ABSENT
    here.publish(envelope)
    here.settle(clock.advance)
    [known] = fence.look([envelope])
    assert known.state is State.COMPLETED
    assert fence.forget(known)
    assert not fence.forget(known)
    assert fence.look([envelope])[0].state is State.ABSENT


def test_a_mapping_is_switched_off_and_on(here: Local) -> None:
    functions, topology = boto3.client("lambda"), here.topology
    queue = topology.place.arn("sqs", topology.workers["stock"].queue)
    [mapping] = functions.list_event_source_mappings(EventSourceArn=queue)["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    assert here.workers["stock"].paused
    [mapping] = functions.list_event_source_mappings(EventSourceArn=queue)["EventSourceMappings"]
    assert mapping["State"] == "Disabled"


def test_an_unknown_queue_is_an_error_of_sqs(here: Local) -> None:
    with pytest.raises(ClientError, match="NonExistentQueue"):
        aws.client("sqs").receive_message(QueueUrl="http://dev.invalid/0/none")


def test_a_call_that_nobody_answers_never_leaves(here: Local) -> None:
    with pytest.raises(ClientError, match=r"sqs:TagQueue.*fanout-bus\[local\]"):
        aws.client("sqs").tag_queue(QueueUrl="http://dev.invalid/0/none", Tags={})


@pytest.mark.usefixtures("without_moto")
def test_without_moto_a_handler_is_told_what_is_missing(project: Project, clock: Clock, told: Told) -> None:
    write(project.services / "storing", STORING, STORING_PY)
    local = Local(project, told, clock)
    with answered(local) as complete:
        local.load()
        local.publish(wrap(contract_of("dev.orders/Ordered").from_input({"order_id": "1"})))
        local.step()
    assert not complete
    [delivery] = [d for batch in told.batches if batch.worker == "storing" for d in batch.deliveries]
    assert "dynamodb:PutItem without moto" in str(delivery.cause)


@pytest.fixture
def without_moto(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "moto", None)


def test_clients_are_as_before_afterwards(project: Project, clock: Clock) -> None:
    local = Local(project, clock=clock)
    with answered(local):
        inside: Any = aws.client("sqs")
    assert aws.client("sqs") is not inside
