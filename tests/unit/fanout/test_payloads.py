"""Data too large for their way: moved to S3 before the event, and back in it before a handler sees it."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import boto3
import orjson
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from fanout import Context, Envelope, Event, Outcome, Publisher, Receipt, Retry, wrap
from fanout.events.envelope import MAX_DATA_BYTES
from fanout.payloads import ClaimCheck
from fanout.publish import Route, Routes
from fanout.publish.batches import MAX_ATTEMPTS
from fanout.testing import Rig, record, record_of
from tests.unit.fanout.conftest import MakeWorker

BUCKET = "fanout-test-claims"
NOW = datetime(2026, 11, 28, 23, 59, tzinfo=UTC).timestamp()


class Written(Event, source="test.texts"):
    """An event of any size."""

    kind: str
    text: str


KNOWN = Routes({"test.texts/Written": Route(filtered=frozenset({("kind",)}))})
LARGE = Written(kind="novel", text="words " * 60_000)


class Bus:
    """Takes every entry."""

    def __init__(self) -> None:
        self.details: list[dict[str, Any]] = []

    def put_events(self, *, Entries: Sequence[Any]) -> dict[str, Any]:  # noqa: N803
        self.details += [orjson.loads(entry["Detail"]) for entry in Entries]
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "theirs"}] * len(Entries)}


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield client


@pytest.fixture
def store(s3: Any) -> ClaimCheck:
    return ClaimCheck(lambda: s3, lambda: BUCKET, clock=lambda: NOW)


def publish(store: ClaimCheck | None, event: Event | Envelope, routes: Routes = KNOWN) -> tuple[Receipt, Bus]:
    bus = Bus()
    publisher = Publisher(cast("Any", bus), "bus", routes=routes, claim_check=store, sleep=lambda _: None)
    [receipt] = publisher.publish_all([event])
    return receipt, bus


def objects(s3: Any) -> list[str]:
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def worker_of(make_worker: MakeWorker, store: ClaimCheck) -> tuple[Rig, list[Written]]:
    worker, seen = make_worker(subscribes=[{"event": "test.texts/Written"}]), list[Written]()

    @worker.handles(Written)
    def handle(event: Written, context: Context) -> None:
        seen.append(event)

    return Rig(worker, claim_check=store), seen


def delivered(bus: Bus, event: Envelope) -> Envelope:
    """The event that the bus took, as a worker reads it."""
    return Envelope.decode(orjson.dumps({"source": event.source, "detail-type": event.name, "detail": bus.details[0]}))


def test_large_data_travel_by_reference(s3: Any, store: ClaimCheck) -> None:
    """GIVEN an event too large for SNS WHEN published THEN the bus has what subscriptions filter by and a reference,
    S3 has the data, compressed, and the receipt has the event as it was given."""
    envelope = wrap(LARGE, event_id="e-1")
    receipt, bus = publish(store, envelope)

    assert receipt.accepted
    assert receipt.envelope is envelope
    [detail] = bus.details
    assert detail["data"] == {"kind": "novel"}
    claim = detail["metadata"]["claim"]
    assert claim["bucket"] == BUCKET
    assert claim["key"] == f"people/{LARGE.contract.source}/{LARGE.contract.name}/e-1-20261128-{claim['sha256']}.json"
    assert claim["size"] == len(orjson.dumps(LARGE.to_data()))
    stored = s3.get_object(Bucket=BUCKET, Key=claim["key"])
    assert (stored["ContentEncoding"], stored["ContentType"]) == ("gzip", "application/json")
    assert orjson.loads(gzip.decompress(stored["Body"].read())) == LARGE.to_data()


def test_what_is_too_large_depends_on_the_way(s3: Any, store: ClaimCheck) -> None:
    """GIVEN data between the limits of two ways WHEN published THEN they stay in the event on the wider one only."""
    event = Written(kind="x", text="y" * 400_000)
    straight = Routes({"test.texts/Written": Route(max_bytes=500_000, filtered=frozenset())})

    assert "claim" not in publish(store, event, straight)[1].details[0]["metadata"]
    assert objects(s3) == []
    assert "claim" in publish(store, event)[1].details[0]["metadata"]
    larger = Written(kind="x", text="y" * 500_000)
    assert "claim" in publish(store, larger, straight)[1].details[0]["metadata"]


def test_small_data_need_no_bucket() -> None:
    """GIVEN a store that cannot be reached WHEN small events are published THEN nobody asks for it."""

    def fail() -> Any:
        raise AssertionError

    assert publish(ClaimCheck(fail, fail), Written(kind="x", text="y"))[0].accepted


@pytest.mark.parametrize(
    ("routes", "with_store", "said"),
    [
        (KNOWN, False, "give the publisher a claim check"),
        (Routes(), True, "declare it under publishes of worker.yaml, or give the publisher its route"),
        (
            Routes({"test.texts/Written": Route(filtered=frozenset({("text",)}))}),
            True,
            "the fields that subscriptions filter by are 3",
        ),
    ],
)
def test_what_cannot_travel_is_refused(s3: Any, store: ClaimCheck, routes: Routes, with_store: bool, said: str) -> None:
    """GIVEN large data without a store, without a known route, or filtered by themselves WHEN published THEN the
    receipt says so, and nothing is stored or sent."""
    receipt, bus = publish(store if with_store else None, LARGE, routes)

    assert receipt.code == "TooLarge"
    assert said in str(receipt.error)
    assert (bus.details, objects(s3)) == ([], [])


def test_data_that_no_worker_would_fetch_are_refused(s3: Any, store: ClaimCheck) -> None:
    """GIVEN data over what workers fetch by reference WHEN published THEN the receipt says so, nothing is stored."""
    receipt, bus = publish(store, Written(kind="x", text="y" * MAX_DATA_BYTES))

    assert receipt.permanent
    assert "by reference: keep them in S3" in str(receipt.error)
    assert not bus.details
    assert not objects(s3)


def test_a_repetition_stores_the_same_object(s3: Any, store: ClaimCheck) -> None:
    """GIVEN an event with a strange id WHEN published twice THEN S3 has one object, its key of plain characters."""
    envelope = wrap(LARGE, event_id="../é/" + "x" * 200)
    publish(store, envelope)
    publish(store, envelope)

    [key] = objects(s3)
    prefix = f"people/{envelope.source}/{envelope.name}/"
    assert key.startswith(f"{prefix}..___xxx")
    assert len(key) == len(prefix) + 128 + len("-20261128-.json") + 64


def test_what_is_published_anew_is_kept_from_then_on(s3: Any) -> None:
    """GIVEN an event whose data are in the bucket WHEN it is published again on the same day and weeks later THEN there
    is one object for each day: the later event's data do not expire with the first's."""
    now = NOW
    store = ClaimCheck(lambda: s3, lambda: BUCKET, clock=lambda: now)
    envelope = wrap(LARGE, event_id="e-1")
    publish(store, envelope)
    publish(store, envelope)
    assert len(objects(s3)) == 1

    now += 20 * 86_400
    publish(store, envelope)

    first, second = objects(s3)
    assert first.replace("20261128", "20261218") == second


def test_a_function_writes_under_its_own_name(monkeypatch: pytest.MonkeyPatch, s3: Any) -> None:
    """GIVEN a Lambda function WHEN it publishes large data THEN they are under its name, where its role may write."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "shop-billing")
    publish(ClaimCheck(lambda: s3, lambda: BUCKET), LARGE)

    [key] = objects(s3)
    assert key.startswith("shop-billing/")


def test_what_is_stored_is_never_overwritten(make_worker: MakeWorker, s3: Any, store: ClaimCheck) -> None:
    """GIVEN an object under the key of an event's data WHEN the event is published THEN the object stays as it is, and
    a worker takes it only if it is what was published."""
    envelope = wrap(LARGE)
    key = store.deposit(envelope).reference.key
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"squatted")
    receipt, bus = publish(store, envelope)
    rig, seen = worker_of(make_worker, store)

    [delivery] = rig.deliver(delivered(bus, envelope))

    assert receipt.accepted
    assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"squatted"
    assert (delivery.outcome, seen) == (Outcome.REJECTED, [])


@pytest.mark.parametrize(
    ("message", "outcome"),
    [
        ("is not authorized to perform: s3:ListBucket on resource: the bucket", Outcome.REJECTED),
        ("is not authorized to perform: s3:GetObject on resource: the object", Outcome.RETRIED),
        ("Access Denied", Outcome.RETRIED),
    ],
)
def test_who_may_not_list_is_told_otherwise_what_is_gone(
    make_worker: MakeWorker, message: str, outcome: Outcome
) -> None:
    """GIVEN a role that may not list the bucket WHEN S3 refuses an object for want of just that THEN it is gone; WHEN
    for another reason THEN the record comes again, as the permission may."""

    class Refusing:
        def get_object(self, **_: object) -> dict[str, Any]:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": message}}, "GetObject")

    refusing = ClaimCheck(lambda: cast("Any", Refusing()), lambda: BUCKET)
    envelope = wrap(LARGE)
    metadata = replace(envelope.metadata, claim=refusing.deposit(envelope).reference)
    rig, _ = worker_of(make_worker, refusing)

    assert rig.deliver(replace(envelope, metadata=metadata))[0].outcome is outcome


def test_equal_ids_of_two_sources_have_an_object_each(s3: Any, store: ClaimCheck) -> None:
    """GIVEN two sources that publish the same data under the same id WHEN published THEN there are two objects."""
    envelope = wrap(LARGE, event_id="1")
    keys = {store.deposit(replace(envelope, source=source)).reference.key for source in ("one", "two")}

    assert len(keys) == 2


def test_without_its_data_no_event_is_sent(monkeypatch: pytest.MonkeyPatch, store: ClaimCheck) -> None:
    """GIVEN an S3 that fails once WHEN published THEN the event goes at the second attempt, after its data; GIVEN one
    that fails for good THEN it does not go."""
    failures: list[Exception] = [EndpointConnectionError(endpoint_url="http://s3")]
    put = ClaimCheck.put

    def fail(self: ClaimCheck, deposit: Any) -> None:
        if failures:
            raise failures.pop()
        put(self, deposit)

    monkeypatch.setattr(ClaimCheck, "put", fail)
    receipt, bus = publish(store, LARGE)
    assert (receipt.accepted, receipt.attempts, len(bus.details)) == (True, 2, 1)

    failures += [ClientError({"Error": {"Code": "AccessDenied", "Message": "m"}}, "PutObject")] * MAX_ATTEMPTS
    receipt, bus = publish(store, LARGE)
    assert (receipt.error, receipt.attempts, receipt.permanent) == ("ClaimRefused: AccessDenied: m", 1, True)
    failures[:] = [ClientError({"Error": {"Code": "SlowDown", "Message": "m"}}, "PutObject")] * MAX_ATTEMPTS
    receipt, bus = publish(store, LARGE)
    assert (receipt.error, receipt.attempts) == ("ClaimNotStored: SlowDown: m", MAX_ATTEMPTS)
    assert (receipt.permanent, bus.details) == (False, [])


def test_a_handler_sees_the_whole_event(make_worker: MakeWorker, store: ClaimCheck) -> None:
    """GIVEN claimed events among others WHEN delivered THEN the handler sees each whole, and the envelope is as if
    nothing had been moved."""
    envelopes = [wrap(replace_text(number)) for number in range(3)]
    slim = [delivered(publish(store, envelope)[1], envelope) for envelope in envelopes]
    rig, seen = worker_of(make_worker, store)
    small = wrap(Written(kind="note", text="short"))

    deliveries = rig.deliver(*slim, small)

    assert [delivery.outcome for delivery in deliveries] == [Outcome.HANDLED] * 4
    assert [event.to_data() for event in seen] == [dict(envelope.data) for envelope in [*envelopes, small]]
    assert [delivery.envelope for delivery in deliveries] == [*envelopes, small]


def replace_text(number: int) -> Written:
    return Written(kind="novel", text=f"{number} " + LARGE.text)


def test_the_same_event_is_a_duplicate_however_it_travels(make_worker: MakeWorker, store: ClaimCheck) -> None:
    """GIVEN an event that came whole WHEN it comes again by reference THEN it is a duplicate, not tampering."""
    envelope = wrap(LARGE)
    slim = delivered(publish(store, envelope)[1], envelope)
    rig, seen = worker_of(make_worker, store)

    outcomes = [rig.deliver(each)[0].outcome for each in (envelope, slim, slim)]

    assert outcomes == [Outcome.HANDLED, Outcome.DUPLICATE, Outcome.DUPLICATE]
    assert len(seen) == 1


def tampered(s3: Any, key: str, body: bytes, encoding: str | None) -> None:
    s3.put_object(Bucket=BUCKET, Key=key, Body=body, **({"ContentEncoding": encoding} if encoding else {}))


BOMB = gzip.compress(b"x" * 10_000_000)


@pytest.mark.parametrize(
    ("body", "encoding", "said"),
    [
        (b'{"kind": "other"}', None, "is not what was published: its SHA-256 differs"),
        (b"no gzip", "gzip", "is not gzip"),
        (BOMB, "gzip", "is not what was published: its SHA-256 differs"),
        (b"x" * 500_000, None, "has 500000 bytes, over"),
    ],
)
def test_other_data_are_rejected(
    make_worker: MakeWorker, s3: Any, store: ClaimCheck, body: bytes, encoding: str | None, said: str
) -> None:
    """GIVEN an object that was replaced WHEN delivered THEN the record is in the DLQ with the cause, the handler has
    seen nothing, and it grew no further than what was published."""
    envelope = wrap(LARGE)
    slim = delivered(publish(store, envelope)[1], envelope)
    assert slim.metadata.claim is not None
    tampered(s3, slim.metadata.claim.key, body, encoding)
    rig, seen = worker_of(make_worker, store)

    [delivery] = rig.deliver(slim)

    assert delivery.outcome is Outcome.REJECTED
    assert said in str(delivery.cause)
    assert seen == []
    assert orjson.loads(rig.dead_letters[0]["MessageBody"])["detail"]["metadata"]["claim"]["bucket"] == BUCKET


@pytest.mark.parametrize(("data", "said"), [(b"[1]", "must be a mapping"), (b"{", "is not JSON")])
def test_data_that_are_no_event_are_rejected(make_worker: MakeWorker, s3: Any, data: bytes, said: str) -> None:
    """GIVEN a reference that is right to what no event has for data WHEN delivered THEN it is rejected."""
    store = ClaimCheck(lambda: s3, lambda: BUCKET)
    deposit = store.deposit(wrap(LARGE))
    from hashlib import sha256

    reference = replace(deposit.reference, sha256=sha256(data).hexdigest())
    tampered(s3, reference.key, data, None)
    envelope = wrap(LARGE)
    rig, _ = worker_of(make_worker, store)

    [delivery] = rig.deliver(replace(envelope, metadata=replace(envelope.metadata, claim=reference)))

    assert delivery.outcome is Outcome.REJECTED
    assert said in str(delivery.cause)


def test_data_that_are_gone_are_rejected(make_worker: MakeWorker, s3: Any, store: ClaimCheck) -> None:
    """GIVEN an object that has expired WHEN delivered THEN the record is rejected: S3 is consistent, it never comes."""
    envelope = wrap(LARGE)
    slim = delivered(publish(store, envelope)[1], envelope)
    s3.delete_object(Bucket=BUCKET, Key=objects(s3)[0])
    rig, _ = worker_of(make_worker, store)

    [delivery] = rig.deliver(slim)

    assert delivery.outcome is Outcome.REJECTED
    assert str(delivery.cause).endswith("is not there; has it expired?")


def test_another_bucket_is_never_read(make_worker: MakeWorker, store: ClaimCheck) -> None:
    """GIVEN an event that names a bucket of another's WHEN delivered THEN it is rejected without a call."""
    envelope = wrap(LARGE)
    slim = delivered(publish(store, envelope)[1], envelope)
    assert slim.metadata.claim is not None
    stolen = replace(slim.metadata.claim, bucket="somebody-elses")
    rig, _ = worker_of(make_worker, store)

    [delivery] = rig.deliver(replace(slim, metadata=replace(slim.metadata, claim=stolen)))

    assert delivery.outcome is Outcome.REJECTED
    assert "bucket somebody-elses: is not fanout-test-claims" in str(delivery.cause)


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "SlowDown", "Message": "m"}}, "GetObject"),
        EndpointConnectionError(endpoint_url="http://s3"),
    ],
)
def test_an_s3_that_fails_has_only_the_claimed_come_again(
    make_worker: MakeWorker, monkeypatch: pytest.MonkeyPatch, store: ClaimCheck, error: Exception
) -> None:
    """GIVEN an S3 that refuses or does not answer WHEN delivered with small events THEN those are handled, and the
    claimed one is delivered again and then handled."""
    envelope, small = wrap(LARGE), wrap(Written(kind="note", text="short"))
    slim = delivered(publish(store, envelope)[1], envelope)
    rig, seen = worker_of(make_worker, store)

    def fail(self: ClaimCheck, reference: object) -> Any:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(ClaimCheck, "fetch", fail)
        first, second = rig.deliver(slim, small)
    assert (first.outcome, first.cause, second.outcome) == (Outcome.RETRIED, error, Outcome.HANDLED)
    assert rig.redeliver(first).outcome is Outcome.HANDLED
    assert [event.kind for event in seen] == ["note", "novel"]


def test_a_body_that_breaks_off_is_read_again(make_worker: MakeWorker) -> None:
    """GIVEN a connection that breaks in the middle of the object WHEN delivered THEN the record comes again."""

    class Broken:
        def get_object(self, **_: object) -> dict[str, Any]:
            class Body(io.BytesIO):
                def read(self, *_: object) -> bytes:
                    raise EndpointConnectionError(endpoint_url="http://s3")

            return {"Body": Body(), "ContentLength": 3}

    store = ClaimCheck(lambda: cast("Any", Broken()), lambda: BUCKET)
    envelope = wrap(LARGE)
    metadata = replace(envelope.metadata, claim=store.deposit(envelope).reference)
    rig, _ = worker_of(make_worker, store)

    assert rig.deliver(replace(envelope, metadata=metadata))[0].outcome is Outcome.RETRIED


def test_a_reference_of_the_wrong_form_is_rejected(make_worker: MakeWorker, store: ClaimCheck) -> None:
    """GIVEN a claim without a checksum WHEN delivered THEN the record is rejected by the name of the field."""
    body = orjson.loads(record_of(LARGE).body)
    body["detail"]["metadata"]["claim"] = {"bucket": BUCKET, "key": "k", "size": 3}
    rig, _ = worker_of(make_worker, store)

    [delivery] = rig.deliver(record(orjson.dumps(body).decode()))

    assert delivery.outcome is Outcome.REJECTED
    assert "detail.metadata.claim.sha256: None: must be a str" in str(delivery.cause)


def test_a_retry_is_no_reason_to_lose_the_reference(make_worker: MakeWorker, store: ClaimCheck) -> None:
    """GIVEN a handler that fails once WHEN the same message comes again THEN it is fetched again and handled."""
    worker, attempts = make_worker(subscribes=[{"event": "test.texts/Written"}]), list[int]()

    @worker.handles(Written)
    def handle(event: Written, context: Context) -> None:
        attempts.append(len(event.text))
        if len(attempts) == 1:
            raise Retry

    rig, envelope = Rig(worker, claim_check=store), wrap(LARGE)
    first = rig.deliver(delivered(publish(store, envelope)[1], envelope))[0]

    assert rig.redeliver(first).outcome is Outcome.HANDLED
    assert attempts == [len(LARGE.text)] * 2
