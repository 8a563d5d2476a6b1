"""What every gather store promises, held against both: the one of production (on moto) and the one of tests."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import boto3
import pytest
from moto import mock_aws

from fanout.events.envelope import Envelope, Metadata
from fanout.gather import GatherStore, Part, ScatterGather
from fanout.gather.dynamodb import KEPT_S, MAX_RESULT_BYTES, DynamoDBGatherStore
from fanout.gather.memory import MemoryGatherStore
from fanout.gather.state import Standing
from fanout.outcomes import Reject

NOW = 1_000_000.0
Make = Callable[[], GatherStore]

GATHER = ScatterGather(
    gather_id="g",
    into="test.things/ThingsGathered",
    total=3,
    due_at=NOW + 60.25,
    compensates=True,
)
REQUEST = Envelope(
    source="test.things",
    name="ThingHappened",
    metadata=Metadata(event_id="e", schema_version=1, correlation_id="c", published_at="2026-01-01T00:00:00Z"),
    data={"number": 1},
)


@pytest.fixture
def dynamodb(monkeypatch: pytest.MonkeyPatch) -> Iterator[DynamoDBGatherStore]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        client = boto3.client("dynamodb", region_name="eu-central-1")
        client.create_table(
            TableName="gather",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[
                {"AttributeName": "gather_id", "KeyType": "HASH"},
                {"AttributeName": "item", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": "gather_id", "AttributeType": "S"},
                {"AttributeName": "item", "AttributeType": "S"},
            ],
        )
        yield DynamoDBGatherStore(client, "gather", clock=lambda: NOW)


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> GatherStore:
    if request.param == "memory":
        return MemoryGatherStore()
    found: GatherStore = request.getfixturevalue("dynamodb")
    return found


def test_a_gather_stays_as_it_was_created(store: GatherStore) -> None:
    """GIVEN a gather WHEN it is created again, later THEN the first stays, and is the answer."""
    assert store.create(GATHER, REQUEST) == GATHER
    assert store.create(replace(GATHER, due_at=NOW + 99), REQUEST) == GATHER
    assert store.read("g") == GATHER
    assert store.request("g") == REQUEST


def test_an_unknown_gather_is_none(store: GatherStore) -> None:
    """GIVEN nothing WHEN a gather is read, settled or closed THEN there is none."""
    assert store.read("g") is None
    assert store.mark_done("g", 0) is None
    assert store.close("g", "timer") is None
    assert store.part("g", 0) is None
    assert store.parts("g") == {}
    with pytest.raises(KeyError):
        store.request("g")


def test_a_part_counts_once(store: GatherStore) -> None:
    """GIVEN a part that counts WHEN it settles again THEN the answer is none, and another part counts still."""
    store.create(GATHER, REQUEST)

    settled = store.mark_done("g", 1)
    assert settled == replace(GATHER, done=frozenset({1}))
    assert store.mark_done("g", 1) is None
    assert store.mark_done("g", 0) == replace(GATHER, done=frozenset({0, 1}))


def test_nothing_counts_after_the_closing(store: GatherStore) -> None:
    """GIVEN a closed gather WHEN a part settles, or another closes it THEN neither changes anything."""
    store.create(GATHER, REQUEST)
    store.mark_done("g", 2)

    closed = store.close("g", "timer-1")
    assert closed == replace(GATHER, done=frozenset({2}), closed_by="timer-1")
    assert store.mark_done("g", 0) is None
    assert store.close("g", "timer-2") is None
    assert store.read("g") == closed


def test_the_first_report_of_a_part_stays(store: GatherStore) -> None:
    """GIVEN a part's report WHEN it reports another THEN the first is kept, and is the answer."""
    first = Part(index=0, result={"pieces": [1, 2.5, None, "ü"]})

    assert store.keep("g", first) == first
    assert store.keep("g", Part(index=0, error="too late")) == first
    assert store.part("g", 0) == first


def test_all_reports_are_answered(store: GatherStore) -> None:
    """GIVEN results of more than a page of DynamoDB's, 1 MB WHEN they are read THEN all are there."""
    parts = {index: Part(index=index, result="x" * 300_000) for index in (0, 2, 5, 999)}
    parts[7] = Part(index=7, error="Reject: no image")
    for part in parts.values():
        store.keep("g", part)
    store.keep("other", Part(index=1, result=1))

    assert store.parts("g") == parts


def test_a_result_that_does_not_fit_is_rejected(dynamodb: DynamoDBGatherStore) -> None:
    """GIVEN a result over DynamoDB's limit WHEN it is kept THEN the part is rejected, with the fix."""
    with pytest.raises(Reject, match=r"part 3: a result of 399,361 bytes.*keep it in S3"):
        dynamodb.keep("g", Part(index=3, result="x" * (MAX_RESULT_BYTES - 1)))
    dynamodb.keep("g", Part(index=3, result="x" * (MAX_RESULT_BYTES - 2)))


def test_a_request_that_does_not_fit_is_rejected(dynamodb: DynamoDBGatherStore) -> None:
    """GIVEN a scattered event over DynamoDB's limit WHEN a gather is created THEN the event is rejected with the fix,
    and there is no gather."""
    large = replace(REQUEST, data={"text": "x" * MAX_RESULT_BYTES})
    with pytest.raises(Reject, match=r"test\.things/ThingHappened: 399,\d+ bytes.*keep its data in S3"):
        dynamodb.create(GATHER, large)
    assert dynamodb.read("g") is None


def test_items_expire(dynamodb: DynamoDBGatherStore) -> None:
    """GIVEN the clock WHEN anything is kept THEN it is forgotten after the longest deadline and a DLQ's retention."""
    dynamodb.create(GATHER, REQUEST)
    dynamodb.keep("g", Part(index=0))

    items = boto3.client("dynamodb", region_name="eu-central-1").scan(TableName="gather")["Items"]
    assert {item["item"]["S"]: float(item["expiration"]["N"]) for item in items} == dict.fromkeys(
        ["gather", "request", "part#00000"], NOW + KEPT_S
    )


def test_a_part_outside_the_gather_never_counts(store: GatherStore) -> None:
    """GIVEN a gather of three parts WHEN a fourth is reported THEN it does not count."""
    store.create(GATHER, REQUEST)

    assert store.mark_done("g", 3) is None
    assert store.read("g") == GATHER
    assert GATHER.standing(3) is Standing.UNKNOWN
