"""A replay to all workers goes through the rules that feed them, on the emulator's own EventBridge."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import boto3
import pytest

from fanout_tools.declarations.naming import Names
from fanout_tools.declarations.worker import Manifest
from fanout_tools.emulators import Endpoints
from fanout_tools.operate.actions.replay_all import ReplayAll
from fanout_tools.operate.actions.replay_span import Span
from fanout_tools.operate.journal import Head, Journal, Status
from fanout_tools.operate.topology import Place, Topology
from tests.integration.platform import eventually

EVENT = "replay.shop/OrderPlaced"
OPEN = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}]}


@pytest.fixture
def topology(environment: None, endpoints: Endpoints) -> Iterator[Topology]:
    """A bus with an archive and a journal, and one worker whose rule and queue are not there yet."""
    del endpoints
    manifest = Manifest.model_validate({"description": "x", "subscribes": [{"event": EVENT}], "via": "bus"})
    names = Names(f"replay-{uuid4().hex[:8]}")
    made = Topology.made({"billing": manifest}, names, Place.reached())
    events, dynamodb = boto3.client("events"), boto3.client("dynamodb")
    bus = events.create_event_bus(Name=names.bus)["EventBusArn"]
    events.create_archive(ArchiveName=names.bus, EventSourceArn=bus)
    dynamodb.create_table(
        TableName=names.operations_table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("op", "step")],
        KeySchema=[{"AttributeName": "op", "KeyType": "HASH"}, {"AttributeName": "step", "KeyType": "RANGE"}],
    )
    yield made
    dynamodb.delete_table(TableName=names.operations_table)


def test_a_worker_that_was_not_there_gets_the_events_of_the_time(topology: Topology) -> None:
    """GIVEN an event of a time before a worker's rule was there WHEN that time is replayed to all THEN its queue has
    the event, and the journal says that the replay has ended."""
    events: Any = boto3.client("events")
    sqs, names = boto3.client("sqs"), topology.names
    entry = {"EventBusName": names.bus, "Source": "replay.shop", "DetailType": "OrderPlaced", "Detail": '{"order": 1}'}
    assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
    queue = sqs.create_queue(QueueName=names.queue("billing"), Attributes={"Policy": json.dumps(OPEN)})["QueueUrl"]
    pattern = json.dumps({"source": ["replay.shop"], "detail-type": ["OrderPlaced"]})
    rule = names.worker_rule("billing", EVENT)
    events.put_rule(Name=rule, EventBusName=names.bus, EventPattern=pattern)
    target = {"Id": "queue", "Arn": topology.place.arn("sqs", names.queue("billing"))}
    events.put_targets(Rule=rule, EventBusName=names.bus, Targets=[target])

    journal = Journal(boto3.client("dynamodb"), names.operations_table, "a test")
    replay = ReplayAll(topology, events, journal)
    span = Span(time.time() - 300, time.time() + 300)  # AWS has an event in its archive after ten minutes; this at once
    plan = {"begin": span.begin, "end": span.end, **replay.reach().to_json()}
    replay.run(Head(operation="op-1", kind="replay-all", worker="*", why="a test", started_at="", plan=plan))

    received = eventually(
        lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages", []),
        lambda messages: len(messages) == 1,
        "the replayed event is in the worker's queue",
    )
    assert json.loads(received[0]["Body"])["detail"] == {"order": 1}
    assert journal.read("op-1").head.status is Status.FINISHED
