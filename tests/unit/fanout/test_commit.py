"""A handler's own writes and the event's completion in one transaction."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from fanout import Context, DeclarationError, Envelope, Outcome, Worker
from fanout.idempotency import Completion, Request, fingerprint
from fanout.idempotency.memory import MemoryStore
from fanout.idempotency.store import event_key
from fanout.publish import wrap
from fanout.testing import Death, Rig

from .conftest import MakeWorker, ThingFollowed, ThingHappened


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("dynamodb")
        client.create_table(
            TableName="effects",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield client


def add_one() -> Any:
    return {
        "Update": {
            "TableName": "effects",
            "Key": {"id": {"S": "total"}},
            "UpdateExpression": "ADD effects :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
    }


def effects(dynamodb: Any) -> int:
    item = dynamodb.get_item(TableName="effects", Key={"id": {"S": "total"}}).get("Item")
    return int(item["effects"]["N"]) if item else 0


def test_the_effect_and_its_completion_are_one(make_worker: MakeWorker, dynamodb: Any) -> None:
    """GIVEN a handler that commits WHEN the process dies right after THEN a redelivery is a duplicate with the
    committed result, and the events it had published reach the bus now."""
    worker, dying = make_worker(publishes=["test.things/ThingFollowed"]), [True]

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, context: Context) -> None:
        context.publish(ThingFollowed(number=event.number))
        context.commit([add_one()], result={"done": event.number})
        if dying.pop() if dying else False:
            rig.die()

    rig = Rig(worker)
    envelope = wrap(ThingHappened(number=1))
    with pytest.raises(Death):
        rig.deliver(envelope)
    assert rig.published == []

    [again] = rig.deliver(envelope)
    [third] = rig.deliver(envelope)

    assert (again.outcome, again.result) == (Outcome.DUPLICATE, {"done": 1})
    assert third.outcome is Outcome.DUPLICATE
    assert effects(dynamodb) == 1
    assert [published.data["number"] for published in rig.published] == [1], "once, not with every duplicate"


def test_committed_events_that_the_bus_refuses_come_again(make_worker: MakeWorker, dynamodb: Any) -> None:
    """GIVEN a bus that takes nothing WHEN a handler has committed THEN its record comes again until the event is out,
    and the effect stays one."""
    worker = make_worker(publishes=["test.things/ThingFollowed"])

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, context: Context) -> None:
        context.publish(ThingFollowed(number=event.number))
        context.commit([add_one()])

    rig = Rig(worker)
    rig.bus_error = "InternalFailure: no"
    [delivery] = rig.deliver(ThingHappened(number=1))
    assert delivery.outcome is Outcome.RETRIED

    rig.bus_error = None
    assert rig.redeliver(delivery).outcome is Outcome.DUPLICATE
    assert len(rig.published) == 1
    assert effects(dynamodb) == 1


def test_a_lost_lock_writes_nothing(make_worker: MakeWorker, dynamodb: Any) -> None:
    """GIVEN a lock that expired while the handler ran WHEN another execution has taken the event over THEN the commit
    is refused and nothing of it is written."""
    worker, now = make_worker(), [1000.0]
    store = MemoryStore(clock=lambda: now[0])
    rig = Rig(worker, store=store, clock=lambda: now[0])
    other = Rig(worker, store=store, clock=lambda: now[0])
    envelope = wrap(ThingHappened(number=1))
    depth: list[None] = []

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, context: Context) -> None:
        depth.append(None)
        if len(depth) == 1:
            now[0] += 60
            assert other.deliver(envelope)[0].outcome is Outcome.HANDLED
        context.commit([add_one()])

    [late] = rig.deliver(envelope)

    assert late.outcome is Outcome.RETRIED
    assert "taken the event over" in str(late.cause)
    assert effects(dynamodb) == 1
    assert rig.redeliver(late).outcome is Outcome.DUPLICATE


def test_a_failure_after_the_commit_does_not_undo_it(
    make_worker: MakeWorker, dynamodb: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """GIVEN a handler that fails after its commit WHEN it runs THEN the record is handled, and the failure logged."""
    worker = make_worker()

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, context: Context) -> None:
        context.commit([add_one()])
        raise ZeroDivisionError

    rig = Rig(worker)
    envelope = wrap(ThingHappened(number=1))

    assert [d.outcome for d in (*rig.deliver(envelope), *rig.deliver(envelope))] == [Outcome.HANDLED, Outcome.DUPLICATE]
    assert effects(dynamodb) == 1
    assert "failed after its commit" in caplog.text


@pytest.mark.parametrize("mode", ["strict", "claim", "off"])
def test_a_second_commit_or_publish_is_refused(make_worker: MakeWorker, dynamodb: Any, mode: str) -> None:
    """GIVEN a record that was committed WHEN its handler commits or publishes again THEN it is told why not."""
    worker, told = make_worker(idempotency={"mode": mode}), []

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, context: Context) -> None:
        context.commit([add_one()])
        for again in (lambda: context.commit([add_one()]), lambda: context.publish(ThingFollowed(number=1))):
            with pytest.raises(DeclarationError) as error:
                again()
            told.append(str(error.value))

    [delivery] = Rig(worker).deliver(ThingHappened(number=1))

    assert delivery.outcome is Outcome.HANDLED
    assert len(told) == 2
    assert effects(dynamodb) == 1


def test_a_redelivery_in_lock_mode_finds_the_commit(make_worker: MakeWorker, dynamodb: Any) -> None:
    """GIVEN claim mode, where a message may take its own lock over WHEN it comes again after its commit THEN it may
    not."""
    worker = make_worker(idempotency={"mode": "claim"})

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, context: Context) -> None:
        context.commit([add_one()])

    rig = Rig(worker)
    [delivery] = rig.deliver(ThingHappened(number=1))

    assert rig.redeliver(delivery).outcome is Outcome.DUPLICATE
    assert effects(dynamodb) == 1


def recorded(worker: Worker, event: Envelope, pending: list[Any]) -> MemoryStore:
    """A store in which somebody has written that the event is done, and what is to be published for it."""
    store, key = MemoryStore(), event_key(worker.settings.worker, event)
    [lock] = store.acquire([Request(key, "forger", fingerprint(event.data), 2e9)])
    store.commit([], Completion(lock), pending)
    return store


FORGED = wrap(ThingFollowed(number=666)).pack()


@pytest.mark.parametrize(
    ("publishes", "pending", "cause"),
    [
        ([], FORGED, "test.things/ThingFollowed to be published, which is not among the publishes of worker.yaml"),
        (["test.things/Other"], FORGED, "which is not among the publishes"),
        (["test.things/ThingFollowed"], {**FORGED, "metadata": {"event_id": ""}}, "detail.metadata"),
        (["test.things/ThingFollowed"], {"source": "test.things"}, "an event that was kept to be published is none"),
        (["test.things/ThingFollowed"], "ThingFollowed", "an event that was kept to be published is none"),
    ],
    ids=["publishes-nothing", "publishes-another", "no-envelope", "no-event", "a-text"],
)
def test_a_forged_record_publishes_nothing(
    make_worker: MakeWorker, publishes: list[str], pending: Any, cause: str
) -> None:
    """GIVEN a record of idempotency that says what is to be published, and the worker may not WHEN its event comes
    THEN nothing reaches the bus, and the record is in the DLQ with the cause; its neighbour is handled."""
    worker = make_worker(publishes=publishes)

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, context: Context) -> None:
        """Has no part in it."""

    event, neighbour = wrap(ThingHappened(number=1)), wrap(ThingHappened(number=2))
    rig = Rig(worker, store=recorded(worker, event, [wrap(ThingFollowed(number=1)).pack(), pending]))

    forged, handled = rig.deliver(event, neighbour)

    assert (forged.outcome, handled.outcome) == (Outcome.REJECTED, Outcome.HANDLED)
    assert cause in str(forged.cause)
    assert forged.dead_lettered
    assert rig.published == []


def test_what_the_worker_publishes_is_published_from_its_record(make_worker: MakeWorker) -> None:
    """GIVEN the same record, of an event under publishes WHEN its event comes THEN it reaches the bus."""
    worker = make_worker(publishes=["test.things/ThingFollowed"])

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, context: Context) -> None:
        """Has no part in it."""

    event = wrap(ThingHappened(number=1))
    rig = Rig(worker, store=recorded(worker, event, [FORGED]))

    [resumed] = rig.deliver(event)

    assert resumed.outcome is Outcome.DUPLICATE
    assert [published.data for published in rig.published] == [{"number": 666}]


def test_an_event_that_is_not_declared_is_not_committed_to(make_worker: MakeWorker, dynamodb: Any) -> None:
    """GIVEN a handler that publishes what its worker.yaml does not name WHEN it commits THEN nothing is written, and
    the error says what to add."""
    worker = make_worker()

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, context: Context) -> None:
        context.publish(ThingFollowed(number=event.number))
        context.commit([add_one()])

    [delivery] = Rig(worker).deliver(ThingHappened(number=1))

    assert isinstance(delivery.cause, DeclarationError)
    assert "name it under publishes of worker.yaml" in str(delivery.cause)
    assert effects(dynamodb) == 0
