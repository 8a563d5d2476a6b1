"""What every idempotency store promises, and its transactions, held against DynamoDB servers instead of a fake.

The emulator's DynamoDB is always there. AWS's own, DynamoDB Local, may be used by those who have an AWS account alone,
says its licence, and may not be passed on: so it is neither fetched nor started here. Who has it running sets
FANOUT_DYNAMODB_LOCAL_URL, and the same tests run against it::

    java -Djava.library.path=DynamoDBLocal_lib -jar DynamoDBLocal.jar -inMemory -disableTelemetry -port 8000
    FANOUT_DYNAMODB_LOCAL_URL=http://127.0.0.1:8000 pytest tests/integration/test_dynamodb_store.py
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import boto3
import pytest

from fanout.idempotency import Completion, DynamoDBStore, Lock, LockState, Request
from fanout.idempotency.client import Credentials, LeanDynamoDB
from fanout.outcomes import Retry
from fanout_tools.emulators import Endpoints
from tests.unit.fanout.idempotency.test_store import (
    NOW,
    TTL_S,
    Clock,
    Make,
    acquire,
    test_a_handled_event_answers_with_its_result,
    test_a_handled_event_is_forgotten_in_time,
    test_a_held_event_is_in_progress_until_its_lock_ends,
    test_a_lock_given_back_is_free_at_once,
    test_a_lock_that_was_made_but_not_answered_is_still_the_claimants,
    test_a_new_event_is_the_claimants,
    test_a_repeated_call_is_known_as_ones_own,
    test_an_unfinished_lock_does_not_outlive_its_lock_for_other_data,
    test_answers_are_in_order_of_the_wishes,
    test_in_one_write_a_batch_is_recorded_as_a_whole,
    test_other_data_under_the_same_id_is_a_conflict,
    wish,
)

__all__ = [
    "test_a_handled_event_answers_with_its_result",
    "test_a_handled_event_is_forgotten_in_time",
    "test_a_held_event_is_in_progress_until_its_lock_ends",
    "test_a_lock_given_back_is_free_at_once",
    "test_a_lock_that_was_made_but_not_answered_is_still_the_claimants",
    "test_a_new_event_is_the_claimants",
    "test_a_repeated_call_is_known_as_ones_own",
    "test_an_unfinished_lock_does_not_outlive_its_lock_for_other_data",
    "test_answers_are_in_order_of_the_wishes",
    "test_in_one_write_a_batch_is_recorded_as_a_whole",
    "test_other_data_under_the_same_id_is_a_conflict",
]

REGION = "us-east-1"


@pytest.fixture(params=["emulator", "dynamodb-local"])
def url(request: pytest.FixtureRequest, endpoints: Endpoints) -> str:
    """Where DynamoDB answers."""
    if request.param == "emulator":
        return endpoints.dynamodb_url
    local = os.environ.get("FANOUT_DYNAMODB_LOCAL_URL")
    if not local:
        pytest.skip("set FANOUT_DYNAMODB_LOCAL_URL to a DynamoDB Local; its licence wants an AWS account")
    return local


@pytest.fixture
def dynamodb(url: str) -> Iterator[Any]:
    client = boto3.client(
        "dynamodb", endpoint_url=url, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
    )
    yield client
    client.close()


@pytest.fixture
def tables(dynamodb: Any) -> Iterator[list[str]]:
    """Two new tables keyed by ``id``: the store's and the handler's."""
    names = [f"promises-{uuid4()}", f"effects-{uuid4()}"]
    for name in names:
        dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    yield names
    for name in names:
        dynamodb.delete_table(TableName=name)


@pytest.fixture(params=["boto3", "lean"])
def make(request: pytest.FixtureRequest, url: str, dynamodb: Any, tables: list[str]) -> Iterator[Make]:
    """Makes the store over boto3's client, or over the worker's own."""
    lean: Any = LeanDynamoDB(Credentials("test", "test"), REGION, endpoint=url)

    def make(clock: Clock, **arguments: Any) -> DynamoDBStore:
        client = dynamodb if request.param == "boto3" else lean
        return DynamoDBStore(client, tables[0], ttl_s=TTL_S, clock=lambda: clock[0], **arguments)

    yield make
    lean.close()


@pytest.fixture
def store(dynamodb: Any, tables: list[str]) -> DynamoDBStore:
    return DynamoDBStore(dynamodb, tables[0], ttl_s=TTL_S, clock=lambda: NOW)


def put(tables: list[str], *, condition: str | None = None) -> Any:
    """A handler's item."""
    item = {"TableName": tables[1], "Item": {"id": {"S": "effect"}}}
    return {"Put": item | ({"ConditionExpression": condition} if condition else {})}


def is_there(dynamodb: Any, tables: list[str]) -> bool:
    return "Item" in dynamodb.get_item(TableName=tables[1], Key={"id": {"S": "effect"}}, ConsistentRead=True)


def test_a_commit_is_one_transaction(store: DynamoDBStore, dynamodb: Any, tables: list[str]) -> None:
    """GIVEN a lock WHEN committed THEN effect, result and what is to be published are there, until it has been."""
    store.commit([put(tables)], Completion(lock=acquire(store), result={"n": 1}), [{"name": "E"}])

    again = acquire(store, owner="other")
    assert is_there(dynamodb, tables)
    assert (again.state, again.result, again.pending) == (LockState.COMPLETED, {"n": 1}, [{"name": "E"}])

    store.forget_pending(["w#e"])
    assert acquire(store, owner="other").pending == []


@pytest.mark.parametrize("one_write", [False, True])
def test_a_lost_lock_commits_nothing(store: DynamoDBStore, dynamodb: Any, tables: list[str], one_write: bool) -> None:
    """GIVEN a lock that another has taken over, or that was committed WHEN committed THEN nothing is written."""
    store = DynamoDBStore(dynamodb, tables[0], ttl_s=TTL_S, clock=lambda: NOW, one_write=one_write)
    mine = acquire(store)
    stranger = Lock(key=mine.key, owner="other", state=LockState.ACQUIRED)
    with pytest.raises(Retry, match="taken the event over"):
        store.commit([put(tables)], Completion(lock=stranger), [])
    assert not is_there(dynamodb, tables)

    store.commit([], Completion(lock=mine), [])
    with pytest.raises(Retry, match="taken the event over"):
        store.commit([put(tables)], Completion(lock=mine._replace(owner="another")), [])
    assert not is_there(dynamodb, tables)
    assert acquire(store).state is LockState.COMPLETED, "not even its own message takes a commit over"


def test_a_failed_condition_of_the_handlers_own_undoes_the_commit(
    store: DynamoDBStore, dynamodb: Any, tables: list[str]
) -> None:
    """GIVEN an item whose condition does not hold WHEN committed THEN that is DynamoDB's error, and the lock is still
    open."""
    mine = acquire(store)
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
        store.commit([put(tables, condition="attribute_exists(id)")], Completion(lock=mine), [])

    assert not is_there(dynamodb, tables)
    assert store.complete([Completion(lock=mine)]) == [None]


@pytest.mark.parametrize("expired", [False, True], ids=["new", "expired"])
def test_of_many_claimants_one_gets_an_event(store: DynamoDBStore, expired: bool) -> None:
    """GIVEN new events, or such with an expired lock WHEN several lock them all at once THEN each is one's."""
    keys = [f"w#{number}" for number in range(30)]
    if expired:
        store.acquire([wish(key, owner="dead", lock_until=NOW - 1) for key in keys])

    def claim_all(owner: str) -> list[Lock]:
        requests = [Request(key=k, owner=owner, fingerprint="data", lock_until=NOW + 30) for k in keys]
        found = {lock.key: lock for lock in store.acquire(requests)}
        died = [r for r in requests if found[r.key].state is LockState.DIED]
        found |= {lock.key: lock for lock in store.take_over(died, [found[r.key] for r in died])}
        return list(found.values())

    with ThreadPoolExecutor(5) as pool:
        answers = [answer for answered in pool.map(claim_all, "abcde") for answer in answered]

    states = Counter((answer.key, answer.state) for answer in answers)
    assert {key: states[key, LockState.ACQUIRED] for key in keys} == dict.fromkeys(keys, 1)
    assert {answer.state for answer in answers} == {LockState.ACQUIRED, LockState.IN_PROGRESS}
