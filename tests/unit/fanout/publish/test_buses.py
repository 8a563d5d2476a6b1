"""Both kinds of bus, held against their service models in botocore."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from fanout import Publisher, aws, wrap
from fanout.publish.batches import CLASSIC, V2, kind_of
from tests.unit.fanout.conftest import ThingHappened

V2_ARN = "arn:aws:events:eu-central-1:123456789012:event-busv2/orders/abcdefghijklmnopqrstuvwxy"
CLASSIC_ARN = "arn:aws:events:eu-central-1:123456789012:event-bus/orders"


@pytest.fixture(params=["events", "eventbridgev2"])
def stubbed(request: pytest.FixtureRequest) -> Iterator[tuple[Any, Stubber]]:
    client = boto3.client(request.param, region_name="eu-central-1", aws_access_key_id="t", aws_secret_access_key="t")
    with Stubber(client) as stubber:
        yield client, stubber
        stubber.assert_no_pending_responses()


def bus_of(client: Any) -> str:
    return V2_ARN if client.meta.service_model.service_name == "eventbridgev2" else "orders"


def expected(bus: str, count: int) -> dict[str, Any]:
    entry = {"Source": "test.things", "DetailType": "ThingHappened", "Detail": ANY}
    if bus == V2_ARN:
        return {"EventBusArn": bus, "Entries": [entry] * count}
    return {"Entries": [{"EventBusName": bus, **entry}] * count}


@pytest.mark.parametrize("kind", [CLASSIC, V2], ids=lambda kind: kind.service)
def test_the_count_of_a_call_is_that_of_the_service_model(kind: Any) -> None:
    """GIVEN botocore's model of the service WHEN its list of entries is looked at THEN its most is ours."""
    client = boto3.client(kind.service, region_name="eu-central-1")
    entries = client.meta.service_model.operation_model("PutEvents").input_shape.members["Entries"]

    assert entries.metadata["max"] == kind.max_entries


@pytest.mark.parametrize(("bus", "kind"), [("orders", CLASSIC), (CLASSIC_ARN, CLASSIC), (V2_ARN, V2)])
def test_a_bus_is_known_by_its_name(bus: str, kind: Any) -> None:
    """GIVEN a bus's name or ARN WHEN asked THEN its kind is told."""
    assert kind_of(bus) is kind


def test_calls_are_as_full_as_the_bus_takes(stubbed: tuple[Any, Stubber]) -> None:
    """GIVEN 205 events WHEN published to either bus THEN each call is full and what the service model wants."""
    client, stubber = stubbed
    most = kind_of(bus_of(client)).max_entries
    for count in [*[most] * (205 // most), 205 % most]:
        answers = [{"EventId": "theirs"}] * count
        stubber.add_response("put_events", {"FailedEntryCount": 0, "Entries": answers}, expected(bus_of(client), count))
    events = (ThingHappened(number=number) for number in range(205))
    with Publisher(client, bus_of(client), concurrency=1) as publisher:
        receipts = list(publisher.publish_all(events))

    assert [receipt.envelope.data["number"] for receipt in receipts] == list(range(205))
    assert all(receipt.accepted for receipt in receipts)


def test_entries_and_calls_fail_alike_on_both(stubbed: tuple[Any, Stubber]) -> None:
    """GIVEN a throttled call, then an entry that fails WHEN published THEN only that entry is sent a third time."""
    client, stubber = stubbed
    bus = bus_of(client)
    stubber.add_client_error("put_events", "ThrottlingException", "slower")
    failed = {"FailedEntryCount": 1, "Entries": [{"EventId": "a"}, {"ErrorCode": "InternalFailure"}]}
    stubber.add_response("put_events", failed, expected(bus, 2))
    stubber.add_response("put_events", {"FailedEntryCount": 0, "Entries": [{"EventId": "b"}]}, expected(bus, 1))
    publisher = Publisher(client, bus, sleep=lambda _: None)

    receipts = list(publisher.publish_all([ThingHappened(number=n) for n in range(2)]))

    assert [(receipt.accepted, receipt.attempts) for receipt in receipts] == [(True, 2), (True, 3)]


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException"])
def test_what_no_repetition_fixes(stubbed: tuple[Any, Stubber], code: str) -> None:
    """GIVEN a bus that is not there or not ours WHEN published THEN one call is enough to know."""
    client, stubber = stubbed
    stubber.add_client_error("put_events", code, "no")
    [receipt] = Publisher(client, bus_of(client)).publish_all([ThingHappened(number=1)])

    assert (receipt.attempts, receipt.error, receipt.code) == (1, f"{code}: no", code)


@pytest.mark.parametrize(("bus", "service"), [("orders", "events"), (V2_ARN, "eventbridgev2")])
def test_connecting_chooses_the_client(monkeypatch: pytest.MonkeyPatch, bus: str, service: str) -> None:
    """GIVEN a bus WHEN connected to THEN the client is the one that speaks to its kind."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    client = aws.client(kind_of(bus).service)
    with Stubber(client) as stubber:
        stubber.add_response("put_events", {"FailedEntryCount": 0, "Entries": [{"EventId": "a"}]}, expected(bus, 1))
        assert Publisher.connect(bus).publish(wrap(ThingHappened(number=1))).accepted

    assert client.meta.service_model.service_name == service
