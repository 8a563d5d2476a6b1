"""A run from its first question to its verdict on each pair."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from fanout_tools.canary import run as canary_run
from fanout_tools.canary.faults import Hop
from fanout_tools.canary.planning import Pair
from fanout_tools.canary.run import Result, Verdict, run
from fanout_tools.canary.watching import watch

from .conftest import EVENT, UPLOADED, Stage

BUCKET = "fanout-test-uploads-123456789012"
THROTTLED = ClientError({"Error": {"Code": "TooManyRequestsException", "Message": "busy"}}, "Invoke")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canary_run, "watch", partial(watch, sleep=lambda _: None))


def results(stage: Stage, **options: Any) -> dict[str, Result]:
    """Of billing behind its topic, and of the worker of S3's events."""
    found = run(stage.deployed, stage.declared, limit_s=0.0, **options)
    assert [it.pair for it in found] == [Pair(EVENT, "billing"), Pair(UPLOADED, "thumbs")]
    return {it.pair.worker: it for it in found}


def report(stage: Stage, worker: str, identity: str, **changes: Any) -> None:
    """What the core writes."""
    line = {"canary": identity, "sent_ms": 1, "first_received_ms": 31, "told_ms": 38, "has_handler": True}
    stage.tell(worker, {"worker": worker, "receives": 1, "function_version": "3", **line, **changes})


@pytest.fixture
def delivering(stage: Stage) -> Iterator[Stage]:
    """The deployment with workers that tell of each canary, billing of one that was nobody's too."""

    def on_event(entry: dict[str, Any]) -> None:
        stage.tell("billing", "START, which is no JSON")
        report(stage, "billing", "ffff-1")
        report(stage, "billing", json.loads(entry["Detail"])["fanout-canary"])

    stage.client("events").on_put = on_event
    stage.client("s3").on_put = lambda _, key: report(stage, "thumbs", key.rpartition("/")[2])
    yield stage
    assert stage.client("s3").objects == set()  # nothing is left behind


def test_every_hop_has_its_time(delivering: Stage) -> None:
    """GIVEN workers that tell of their canaries WHEN run THEN each pair is well, with the times of its hops; one went
    by the bus, the other by an object, which is gone again."""
    found = results(delivering)

    assert {it.verdict for it in found.values()} == {Verdict.DELIVERED}
    for result in found.values():
        assert result.times is not None
        assert (result.times.in_queue_ms, result.times.to_function_ms, result.version) == (30, 7, "3")
    [entry] = delivering.client("events").put
    assert (entry["EventBusName"], entry["Source"], entry["DetailType"]) == (
        "fanout-test",
        "canary.shop.orders",
        "OrderPlaced",
    )


def test_a_worker_without_a_handler_of_the_event_fails(stage: Stage) -> None:
    """GIVEN a function that has no handler of the event WHEN its canary comes through THEN the function is named."""
    stage.client("events").on_put = lambda entry: report(
        stage, "billing", json.loads(entry["Detail"])["fanout-canary"], has_handler=False
    )

    billing = results(stage)["billing"]

    assert billing.verdict is Verdict.FAILED
    assert "function fanout-test-billing: has no handler of shop.orders/OrderPlaced" in str(billing.fault)


def test_nothing_is_sent_to_a_version_that_may_not_know_canaries(delivering: Stage) -> None:
    """GIVEN a version before canaries, which still gets a tenth of the events WHEN run THEN its pair is not tried, and
    nothing was sent its way."""
    delivering.functions.weights["fanout-test-billing"] = {"2": 0.1}
    delivering.functions.answers["fanout-test-billing:2"] = {"heartbeat": "billing", "environment": "e"}

    found = results(delivering)

    assert found["billing"].verdict is Verdict.UNSENT
    assert "it would come to billing" in found["billing"].note
    assert found["thumbs"].verdict is Verdict.DELIVERED
    assert delivering.client("events").put == []


def test_a_function_that_cannot_be_imported_fails_at_once(delivering: Stage) -> None:
    """GIVEN a function that fails at import WHEN run THEN its pair fails with what it raised, and nothing is sent."""
    delivering.functions.answers["fanout-test-billing:3"] = "No module named 'services.billing'"

    found = results(delivering)

    assert found["billing"].fault is not None
    assert found["billing"].fault.hop is Hop.FUNCTION
    assert "No module named 'services.billing'" in found["billing"].fault.cause
    assert found["thumbs"].verdict is Verdict.DELIVERED
    assert delivering.client("events").put == []


def test_a_throttled_function_is_late(delivering: Stage) -> None:
    """GIVEN a function that is throttled WHEN run THEN its pair is late, and no failure."""
    delivering.functions.answers["fanout-test-billing:3"] = THROTTLED

    assert results(delivering)["billing"].verdict is Verdict.LATE


def test_a_bus_or_bucket_that_takes_nothing_is_named(stage: Stage) -> None:
    """GIVEN a bus that refuses the deployer, and no bucket WHEN run THEN both are named with AWS's words."""
    stage.client("events").refuses = True
    stage.client("s3").notifications.clear()

    found = results(stage)

    assert str(found["billing"].fault).startswith("bus fanout-test: AccessDenied: not you; give who deploys")
    assert found["thumbs"].fault is not None
    assert found["thumbs"].fault.hop is Hop.BUCKET


def test_a_deployer_who_may_not_publish_is_told(delivering: Stage) -> None:
    """GIVEN a deployer without the permission WHEN run THEN the bus is named, and the other way is still tried."""
    delivering.client("events").denies = True

    found = results(delivering)

    assert "AccessDeniedException" in str(found["billing"].fault)
    assert found["thumbs"].verdict is Verdict.DELIVERED


def test_a_hop_that_is_gone_fails_its_pair(stage: Stage) -> None:
    """GIVEN a disabled mapping and canaries that nobody tells of WHEN run THEN the mapping is named; the queue of the
    other pair is empty and all is as declared, so that it is told as lost."""
    stage.functions.mappings[stage.deployed.arn("sqs", "fanout-test-billing")]["State"] = "Disabled"

    found = results(stage)

    assert found["billing"].fault is not None
    assert found["billing"].fault.hop is Hop.MAPPING
    assert "each hop before it is as declared" in str(found["thumbs"].fault)


def test_a_paused_worker_is_late(stage: Stage) -> None:
    """GIVEN the same of a worker that is paused on purpose WHEN run THEN it is late."""
    stage.functions.mappings[stage.deployed.arn("sqs", "fanout-test-billing")]["State"] = "Disabled"

    billing = results(stage, paused=["billing"])["billing"]

    assert (billing.verdict, billing.note) == (Verdict.LATE, "the worker is paused")


def test_a_backlog_is_late(stage: Stage) -> None:
    """GIVEN a queue with messages, whose worker does not fail WHEN run THEN the pair is late."""
    stage.client("sqs").send_message(QueueUrl=stage.deployed.queue_url("fanout-test-billing"), MessageBody="{}")

    billing = results(stage)["billing"]

    assert (billing.verdict, billing.note) == (Verdict.LATE, "fanout-test-billing: 1 waiting, 0 in flight")


def test_a_function_that_fails_on_its_batches_is_named(stage: Stage) -> None:
    """GIVEN a function that answers a ping and fails on batches WHEN run THEN what it raised is told."""
    stage.client("events").on_put = lambda _: stage.tell(
        "billing", "[ERROR] DeclarationError: FANOUT_QUEUE_URL is not set\nTraceback (most recent call last):"
    )

    billing = results(stage)["billing"]

    assert "it fails: DeclarationError: FANOUT_QUEUE_URL is not set; correct" in str(billing.fault)


def dead_letter(stage: Stage, queue: str, body: str, **attributes: str) -> None:
    told = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    url = stage.deployed.queue_url(queue)
    stage.client("sqs").send_message(QueueUrl=url, MessageBody=body, MessageAttributes=told)


def left(stage: Stage, queue: str) -> list[str]:
    answered = stage.client("sqs").receive_message(QueueUrl=stage.deployed.queue_url(queue), MaxNumberOfMessages=10)
    return [message["Body"] for message in answered.get("Messages", ())]


def test_what_eventbridge_could_not_deliver_tells_why(stage: Stage) -> None:
    """GIVEN a canary in the DLQ of the hop to the topic, among an event and an earlier run's canary WHEN run THEN
    EventBridge's reason is told, and the event alone is left there."""
    queue, event = "fanout-test-shop-orders-undelivered", '{"source": "shop.orders"}'
    early = {"source": "canary.shop.orders", "detail-type": "OrderPlaced", "detail": {"fanout-canary": "ee-1"}}

    def on_put(entry: dict[str, Any]) -> None:
        body = {"source": entry["Source"], "detail-type": entry["DetailType"], "detail": json.loads(entry["Detail"])}
        for each in (json.dumps(body), event, "no JSON", json.dumps(early)):
            dead_letter(stage, queue, each, ERROR_CODE="NO_PERMISSIONS", ERROR_MESSAGE="Access denied")

    stage.client("events").on_put = on_put

    billing = results(stage)["billing"]

    assert str(billing.fault).startswith(
        "target fanout-test-shop-orders-undelivered: the canary is in it: NO_PERMISSIONS: Access denied; the grant"
    )
    assert left(stage, queue) == [event, "no JSON"]


def test_a_grant_that_is_gone_is_named_in_the_place_of_the_dlq(stage: Stage) -> None:
    """GIVEN a canary in a DLQ, and a topic whose policy lets nobody in WHEN run THEN the topic is named."""

    def on_put(entry: dict[str, Any]) -> None:
        body = {"source": entry["Source"], "detail-type": entry["DetailType"], "detail": json.loads(entry["Detail"])}
        dead_letter(stage, "fanout-test-shop-orders-undelivered", json.dumps(body), ERROR_CODE="NO_PERMISSIONS")

    stage.client("events").on_put = on_put
    nobody = json.dumps({"Version": "2012-10-17", "Statement": []})
    topic = stage.deployed.arn("sns", "fanout-test-shop-orders")
    stage.client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=nobody)

    fault = results(stage)["billing"].fault

    assert fault is not None
    assert (fault.hop, fault.name) == (Hop.TOPIC, "fanout-test-shop-orders")
    assert left(stage, "fanout-test-shop-orders-undelivered") == []


def test_what_sns_could_not_deliver_is_told_without_a_reason(stage: Stage) -> None:
    """GIVEN a canary in the worker's DLQ, where SNS puts it without a word WHEN run THEN the queue is named."""

    def on_put(entry: dict[str, Any]) -> None:
        body = {"source": entry["Source"], "detail-type": entry["DetailType"], "detail": json.loads(entry["Detail"])}
        dead_letter(stage, "fanout-test-billing-dlq", json.dumps(body))

    stage.client("events").on_put = on_put

    assert "SNS could not deliver it" in str(results(stage)["billing"].fault)
    assert left(stage, "fanout-test-billing-dlq") == []


def test_without_a_bus_every_pair_fails(stage: Stage) -> None:
    """GIVEN nothing deployed WHEN run THEN every pair fails at the bus."""
    stage.client("events").delete_event_bus(Name="fanout-test")

    found = results(stage)

    assert {str(it.fault) for it in found.values()} == {
        "bus fanout-test: there is no such bus; `make deploy` puts it back"
    }
