"""The outbox: what was committed is published, in order, and what is held or refused is known."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import boto3
import orjson
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from fanout import Context, DeclarationError, Envelope, Event, EventError, Outcome, Publisher, aws, outbox, wrap
from fanout.outbox import relay as relay_module
from fanout.outbox.items import MAX_BYTES, Written
from fanout.outbox.marks import KEPT_S
from fanout.outbox.relay import Relay
from fanout.testing import Rig
from tests.unit.fanout.conftest import MakeWorker, ThingFollowed, ThingHappened

TABLE = "fanout-test-outbox"
NOON = 1_767_268_800.0


class Jotted(Event, source="test.jottings"):
    """An event of any size."""

    text: str


class Bus:
    """PutEvents in memory; ``answer`` gives an event's error code by its detail."""

    def __init__(self, answer: Callable[[dict[str, Any]], str | None] = lambda detail: None) -> None:
        self.taken: list[dict[str, Any]] = []
        self._answer = answer

    def put_events(self, *, Entries: Sequence[Any]) -> dict[str, Any]:  # noqa: N803
        details = [orjson.loads(entry["Detail"]) for entry in Entries]
        codes = [self._answer(detail) for detail in details]
        self.taken += [detail for detail, code in zip(details, codes, strict=True) if code is None]
        return {
            "FailedEntryCount": 0,
            "Entries": [{"ErrorCode": c, "ErrorMessage": "why"} if c else {"EventId": "t"} for c in codes],
        }

    @property
    def numbers(self) -> list[Any]:
        return [detail["data"].get("number") for detail in self.taken]


class Call:
    """Lambda's context object."""

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


@pytest.fixture(autouse=True)
def _no_time_limit() -> Iterator[None]:
    yield
    aws.finish_by(None)


class Marks:
    """BatchExecuteStatement in memory."""

    def __init__(self) -> None:
        self.statements: list[dict[str, Any]] = []

    def batch_execute_statement(self, *, Statements: Sequence[Any]) -> dict[str, Any]:  # noqa: N803
        self.statements += Statements
        return {"Responses": [{} for _ in Statements]}


def record(number: int, envelope: Envelope, partition: str | None = None, name: str = "INSERT") -> dict[str, Any]:
    """A stream record of an item, as Lambda hands it out."""
    item = outbox.put(envelope, partition=partition, table=TABLE)["Put"]["Item"]
    return {
        "eventID": f"id-{number}",
        "eventName": name,
        "eventSource": "aws:dynamodb",
        "dynamodb": {"NewImage": item, "SequenceNumber": str(number), "StreamViewType": "NEW_IMAGE"},
    }


def relay(bus: Bus, marks: Marks | None = None) -> Relay:
    publisher = Publisher(cast("Any", bus), "bus", sleep=lambda _: None, uniform=lambda _, most: most)
    return Relay(publisher, cast("Any", marks or Marks()), TABLE, clock=lambda: NOON)


@pytest.fixture
def dynamodb(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client = boto3.client("dynamodb")
        client.create_table(
            TableName=TABLE,
            KeySchema=[
                {"AttributeName": "partition", "KeyType": "HASH"},
                {"AttributeName": "event_id", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": "partition", "AttributeType": "S"},
                {"AttributeName": "event_id", "AttributeType": "S"},
            ],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        )
        yield client


def stream_of(dynamodb: Any) -> list[dict[str, Any]]:
    """The table's items as its stream tells of their writing."""
    items = dynamodb.scan(TableName=TABLE)["Items"]
    return [
        {"eventName": "INSERT", "dynamodb": {"NewImage": item, "SequenceNumber": str(number)}}
        for number, item in enumerate(items)
    ]


def test_what_a_transaction_wrote_is_published(dynamodb: Any) -> None:
    """GIVEN events written in a transaction WHEN the table's items are relayed THEN the bus has the very
    events, and the items will expire."""
    envelopes = [wrap(ThingHappened(number=n), event_id=f"e-{n}", subject="s", causation_id='é"\\') for n in range(3)]
    dynamodb.transact_write_items(TransactItems=[outbox.put(each, table=TABLE) for each in envelopes])
    bus, marks = Bus(), Marks()

    assert relay(bus, marks).relay(stream_of(dynamodb)) == []
    assert bus.taken == [orjson.loads(envelope.detail()) for envelope in envelopes]
    assert len(marks.statements) == 3
    for statement, envelope in zip(marks.statements, envelopes, strict=True):
        assert statement["Statement"].startswith(f'UPDATE "{TABLE}" SET "relayed_at" = ? SET "expiration" = ? WHERE')
        assert statement["Parameters"] == [
            {"S": "2026-01-01T12:00:00.000+00:00"},
            {"N": str(int(NOON) + KEPT_S)},
            {"S": "s"},
            {"S": f"{envelope.identifier}#{envelope.metadata.event_id}"},
        ]


def test_the_same_event_cancels_its_transaction(dynamodb: Any) -> None:
    """GIVEN a transaction that has been committed WHEN it is repeated THEN it is cancelled as a whole."""
    item = outbox.put(wrap(ThingHappened(number=1)), table=TABLE)
    dynamodb.transact_write_items(TransactItems=[item])

    with pytest.raises(dynamodb.exceptions.TransactionCanceledException, match="ConditionalCheckFailed"):
        dynamodb.transact_write_items(TransactItems=[outbox.put(ThingHappened(number=2), table=TABLE), item])
    assert dynamodb.scan(TableName=TABLE)["Count"] == 1


def test_only_what_is_new_is_published() -> None:
    """GIVEN the stream's words on marks and expiry WHEN relayed THEN nothing is published."""
    bus = Bus()
    records = [record(n, wrap(ThingHappened(number=n)), name=name) for n, name in enumerate(["MODIFY", "REMOVE"])]

    assert relay(bus).relay(records) == []
    assert bus.taken == []


@given(
    partitions=st.lists(st.sampled_from("abc"), max_size=30),
    fails=st.frozensets(st.integers(0, 29)),
    poison=st.frozensets(st.integers(0, 29)),
)
def test_each_partition_keeps_its_order(partitions: list[str], fails: frozenset[int], poison: frozenset[int]) -> None:
    """GIVEN events of some partitions, some of which the bus does not take now and some never WHEN relayed, again
    from the first that is held, as Lambda does, until the bus takes them THEN in each partition the first time that
    the bus has each event is in the order of the writing, none is missing but the refused, and none is taken behind
    one that is held."""
    first_run = [True]

    def answer(detail: dict[str, Any]) -> str | None:
        if detail["data"]["number"] in poison:
            return "MalformedDetail"
        return "InternalFailure" if first_run[0] and detail["data"]["number"] in fails else None

    bus, marks = Bus(answer), Marks()
    records = [record(n, wrap(ThingHappened(number=n)), partition) for n, partition in enumerate(partitions)]
    one = relay(bus, marks)
    held = one.relay(records)
    for partition in set(partitions):
        members = [n for n, each in enumerate(partitions) if each == partition]
        stop = next((n for n in members if n in fails - poison), len(partitions))
        assert [n for n in members if str(n) in held] == [n for n in members if n >= stop]
    first_run[0] = False
    if held:
        assert one.relay(records[min(map(int, held)) :]) == []

    for partition in set(partitions):
        members = [n for n, each in enumerate(partitions) if each == partition and n not in poison]
        seen = list(dict.fromkeys(n for n in bus.numbers if n in members))
        assert seen == members


def test_what_the_bus_will_never_take_holds_up_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """GIVEN an event that is wrong in itself between others of its partition, and an item that somebody else wrote
    WHEN relayed THEN the others are published, the two are told of and marked, and nothing comes again."""
    bus, marks = Bus(lambda d: "MalformedDetail" if d["data"]["number"] == 1 else None), Marks()
    records = [record(n, wrap(ThingHappened(number=n), event_id=f"e-{n}"), "p") for n in range(4)]
    del records[2]["dynamodb"]["NewImage"]["event"]
    one = relay(bus, marks)

    with caplog.at_level(logging.ERROR):
        assert one.relay(records) == []
    assert bus.numbers == [0, 3]
    assert one.counts == Counter(relayed=2, held=0, refused=2)
    refused = [s["Parameters"] for s in marks.statements if '"refused"' in s["Statement"]]
    assert [parameters[2] for parameters in refused] == [
        {"S": "test.things/ThingHappened#e-1"},
        {"S": "test.things/ThingHappened#e-2"},
    ]
    assert refused[0][0] == {"S": "MalformedDetail: why"}
    assert len(caplog.records) == 2


def test_a_role_that_may_not_publish_loses_nothing() -> None:
    """GIVEN a bus that refuses the relay itself WHEN relayed THEN every event comes again."""
    records = [record(n, wrap(ThingHappened(number=n))) for n in range(3)]

    assert relay(Bus(lambda _: "AccessDeniedException")).relay(records) == ["0", "1", "2"]


def test_marks_that_fail_are_no_reason_to_publish_again(caplog: pytest.LogCaptureFixture) -> None:
    """GIVEN a table that cannot be written WHEN relayed THEN nothing comes again, and the log tells."""

    class Broken(Marks):
        def batch_execute_statement(self, *, Statements: Sequence[Any]) -> dict[str, Any]:  # noqa: N803
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "m"}}, "BatchExecuteStatement")

    class Partly(Marks):
        def batch_execute_statement(self, *, Statements: Sequence[Any]) -> dict[str, Any]:  # noqa: N803
            return {"Responses": [{"Error": {"Code": "ThrottlingError"}}]}

    for marks in (Broken(), Partly()):
        assert relay(Bus(), marks).relay([record(1, wrap(ThingHappened(number=1)))]) == []
    assert len(caplog.records) == 2


def test_the_function_answers_what_has_to_come_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """GIVEN a batch of which one event is held WHEN the function is invoked THEN it answers its sequence number, as
    ReportBatchItemFailures wants, and counts."""
    bus = Bus(lambda detail: "InternalFailure" if detail["data"]["number"] == 1 else None)
    monkeypatch.setattr(relay_module, "relay_of_environment", lambda: relay(bus))
    records = [record(n, wrap(ThingHappened(number=n))) for n in range(3)]

    assert relay_module.handler({"Records": records}, Call()) == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    line = orjson.loads(capsys.readouterr().out.splitlines()[-1])
    assert (line["worker"], line["relayed"], line["held"], line["refused"]) == ("outbox", 2, 1, 0)


def test_an_item_has_its_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN an event too large for an item, or a worker without an outbox WHEN written THEN the error says so."""
    with pytest.raises(EventError, match=rf"over the {MAX_BYTES} of an outbox item"):
        outbox.put(Jotted(text="x" * MAX_BYTES), table=TABLE)
    monkeypatch.delenv("FANOUT_OUTBOX_TABLE", raising=False)
    with pytest.raises(DeclarationError, match=r"write outbox: true into worker\.yaml"):
        outbox.put(Jotted(text="x"))
    monkeypatch.setenv("FANOUT_OUTBOX_TABLE", "named")
    assert outbox.put(Jotted(text="x"))["Put"]["TableName"] == "named"


@pytest.mark.parametrize(("subject", "partition", "expected"), [(None, None, "e"), ("s", None, "s"), ("s", "p", "p")])
def test_the_partition_is_the_subject_unless_told(subject: str | None, partition: str | None, expected: str) -> None:
    """GIVEN an event WHEN written THEN its partition is what was said, its subject, or the event alone."""
    envelope = wrap(ThingHappened(number=1), event_id="e", subject=subject)

    assert Written.from_stream(record(1, envelope, partition)).partition == expected


def test_a_handler_that_runs_again_wraps_the_same_ids(make_worker: MakeWorker) -> None:
    """GIVEN a handler that writes two events WHEN its event is handled twice THEN both times their ids are the same,
    and they belong to the event's correlation."""
    worker, wrapped = make_worker(idempotency={"mode": "off"}), list[Envelope]()

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, context: Context) -> None:
        context.publish(ThingFollowed(number=0))
        wrapped.extend(context.wrap(ThingFollowed(number=n), subject="s") for n in range(2))

    rig, event = Rig(worker), wrap(ThingHappened(number=1))
    assert [rig.deliver(event)[0].outcome for _ in range(2)] == [Outcome.HANDLED] * 2

    ids = [envelope.metadata.event_id for envelope in wrapped]
    assert ids[:2] == ids[2:]
    assert len({*ids, rig.published[0].metadata.event_id}) == 3
    metadata = wrapped[0].metadata
    assert (metadata.correlation_id, metadata.causation_id) == (event.metadata.correlation_id, event.metadata.event_id)
    assert metadata.subject == "s"


def test_equal_ids_of_two_sources_are_two_events(dynamodb: Any) -> None:
    """GIVEN two sources with the same event_id in one partition WHEN written in one transaction and relayed THEN the
    bus has both, each under its own id."""
    events = [Jotted(text="t"), ThingHappened(number=1)]
    items = [outbox.put(wrap(event, event_id="1"), partition="p", table=TABLE) for event in events]
    dynamodb.transact_write_items(TransactItems=items)
    bus = Bus()

    assert relay(bus).relay(stream_of(dynamodb)) == []
    assert [detail["metadata"]["event_id"] for detail in bus.taken] == ["1", "1"]


class ThrottlingMarks(Marks):
    """Throttles the first statement of the first ``times`` calls."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times
        self.calls: list[int] = []

    def batch_execute_statement(self, *, Statements: Sequence[Any]) -> dict[str, Any]:  # noqa: N803
        self.calls.append(len(Statements))
        responses: list[dict[str, Any]] = [{} for _ in Statements]
        if len(self.calls) <= self.times:
            responses[0] = {"Error": {"Code": "ThrottlingError", "Message": "m"}}
        return {"Responses": responses}


@pytest.mark.parametrize(("times", "left", "calls"), [(1, None, [3, 1]), (9, None, [3, 1, 1, 1]), (1, 0.1, [3])])
def test_a_throttled_mark_is_repeated_while_time_is_left(
    monkeypatch: pytest.MonkeyPatch, times: int, left: float | None, calls: list[int]
) -> None:
    """GIVEN a statement that is throttled WHEN marked THEN it alone is repeated, while there is time."""
    monkeypatch.setattr("fanout.outbox.marks.time.sleep", lambda _: None)
    monkeypatch.setattr(aws, "remaining_s", lambda: left)
    marks = ThrottlingMarks(times)
    relay(Bus(), marks).relay([record(n, wrap(ThingHappened(number=n)), "p") for n in range(3)])

    assert marks.calls == calls
