"""The store of production: how many calls it makes, what it leaves in the table, and what faults do to it."""

from typing import Any, cast

import orjson
import pytest
from botocore.exceptions import ClientError

from fanout.idempotency import Completion, DynamoDBStore, Lock, LockState, Release, Request
from fanout.idempotency.store import LOCK_LOST

from .partiql import PartiQL

NOW = 1_000_000.0


@pytest.fixture
def table() -> PartiQL:
    return PartiQL()


def store(table: PartiQL, *, one_write: bool = False) -> DynamoDBStore:
    return DynamoDBStore(
        cast("Any", table), "events", ttl_s=3_600, one_write=one_write, clock=lambda: NOW, sleep=_no_sleep
    )


def _no_sleep(seconds: float) -> None:
    pass


def locked(subject: DynamoDBStore, requests: list[Request]) -> list[Lock]:
    """The locks of events that died or were given back, and of new ones."""
    known = subject.acquire(requests)
    free = [index for index, lock in enumerate(known) if lock.state in (LockState.DIED, LockState.RELEASED)]
    taken = subject.take_over([requests[index] for index in free], [known[index] for index in free])
    for index, lock in zip(free, taken, strict=True):
        known[index] = lock
    return known


def wishes(number: int = 1, *, owner: str = "me", lock_until: float = NOW + 30) -> list[Request]:
    return [Request(key=f"w#{n}", owner=owner, fingerprint="data", lock_until=lock_until) for n in range(number)]


def completions(locks: list[Lock], result: object = None) -> list[Completion]:
    return [Completion(lock=lock, result=result) for lock in locks]


def test_a_fresh_batch_costs_two_calls(table: PartiQL) -> None:
    """GIVEN ten new events WHEN locked and completed THEN that is one call each."""
    subject = store(table)
    locks = subject.acquire(wishes(10))

    assert subject.complete(completions(locks)) == [None] * 10
    assert table.calls == [["INSERT"] * 10, ["UPDATE"] * 10]


def test_in_one_write_it_costs_a_write_a_record_and_one_a_batch(table: PartiQL) -> None:
    """GIVEN claim mode WHEN ten new events are locked and handled THEN the second call writes the batch's mark alone;
    that it is there already is one's own repetition."""
    subject = store(table, one_write=True)
    locks = subject.acquire(wishes(10))

    for _ in range(2):
        assert subject.complete(completions(locks), whole=locks[0].batch) == [None] * 10
    assert table.calls == [["INSERT"] * 10, ["INSERT"], ["INSERT"]]


def test_25_statements_fit_a_call(table: PartiQL) -> None:
    """GIVEN 60 events WHEN locked, completed and locked again THEN no call has more than 25 statements, and every
    answer is in its place."""
    subject = store(table)
    locks = subject.acquire(wishes(60))
    subject.complete(completions(locks, result="done"))
    again = subject.acquire(wishes(60, owner="other"))

    assert [len(call) for call in table.calls] == [25, 25, 10] * 4
    assert [lock.key for lock in again] == [f"w#{n}" for n in range(60)]
    assert all((lock.state, lock.result) == (LockState.COMPLETED, "done") for lock in again)


def test_nothing_costs_nothing(table: PartiQL) -> None:
    """GIVEN no claims WHEN completed and released THEN DynamoDB is not called."""
    subject = store(table)
    subject.release([])

    assert (subject.acquire([]), subject.complete([]), table.calls) == ([], [], [])


def test_what_the_table_holds(table: PartiQL) -> None:
    """GIVEN a lock WHEN made, then completed THEN the item has Powertools' attributes and the owner: seconds of its
    expiry, milliseconds of its lock, the result as JSON."""
    subject = store(table)
    locks = subject.acquire(wishes())
    assert table.items["w#0"] == {
        "id": {"S": "w#0"},
        "owner": {"S": "me"},
        "status": {"S": "INPROGRESS"},
        "validation": {"S": "data"},
        "in_progress_expiration": {"N": "1000030000"},
        "expiration": {"N": "1003600"},
        "tries": {"N": "1"},
        "alone": {"BOOL": True},
    }

    subject.complete(completions(locks, result={"a": 1}))
    assert table.items["w#0"]["status"] == {"S": "COMPLETED"}
    assert table.items["w#0"]["data"] == {"S": '{"a":1}'}


def test_only_what_is_known_is_read(table: PartiQL) -> None:
    """GIVEN ten events of which one is known WHEN locked THEN the second call reads that one."""
    store(table).acquire(wishes(1, owner="other"))
    store(table).acquire(wishes(10))

    assert table.calls[1:] == [["INSERT"] * 10, ["SELECT"]]


def test_of_two_that_find_a_lock_expired_one_gets_it(table: PartiQL) -> None:
    """GIVEN a dead worker's lock WHEN another takes it over between our read and our write THEN it is theirs."""
    store(table).acquire(wishes(owner="dead", lock_until=NOW - 1))
    rival = store(table)

    def overtake(verb: str, key: str) -> None:
        table.before = lambda verb, key: None
        if verb == "UPDATE":
            assert locked(rival, wishes(owner="rival"))[0].state is LockState.ACQUIRED
        else:
            table.before = overtake

    table.before = overtake
    [mine] = locked(store(table), wishes())

    assert (mine.state, mine.locked_until) == (LockState.IN_PROGRESS, NOW + 30)
    assert table.items["w#0"]["owner"] == {"S": "rival"}


def test_an_item_deleted_while_it_was_asked_about_is_tried_again(table: PartiQL) -> None:
    """GIVEN an item that DynamoDB deletes between our write and our read WHEN locked THEN the store cannot say, and
    the reason tells why."""
    store(table).acquire(wishes(owner="other"))

    def release(verb: str, key: str) -> None:
        if verb == "SELECT":
            table.items.clear()

    table.before = release
    [mine] = store(table).acquire(wishes())

    assert mine.state is LockState.UNAVAILABLE
    assert "not there" in mine.reason


@pytest.mark.parametrize("verb", ["INSERT", "SELECT", "UPDATE"])
def test_a_throttled_statement_harms_no_other(table: PartiQL, verb: str) -> None:
    """GIVEN ten events, all dead workers' WHEN one's statement is throttled, be it the lock, the read or the
    take-over THEN that one is unavailable, with DynamoDB's reason, and the others are locked."""
    store(table).acquire(wishes(10, owner="dead", lock_until=NOW - 1))
    table.faults = lambda v, key: "ValidationError" if (v, key) == (verb, "w#3") else None

    locks = locked(store(table), wishes(10))

    assert [lock.state for lock in locks].count(LockState.ACQUIRED) == 9
    assert (locks[3].state, locks[3].reason) == (LockState.UNAVAILABLE, "ValidationError: why")


def test_throttled_statements_alone_are_tried_again_while_there_is_time(table: PartiQL) -> None:
    """GIVEN one completion of ten that is throttled twice WHEN there is time THEN it alone is repeated until it is
    recorded; WHEN there is none THEN not."""
    subject = store(table)
    locks = subject.acquire(wishes(10))
    left = [2]

    def throttled(verb: str, key: str) -> str | None:
        if key != "w#3" or not left[0]:
            return None
        left[0] -= 1
        return "ThrottlingError"

    table.faults = throttled
    assert subject.complete(completions(locks), until=NOW + 29) == [None] * 10
    assert table.calls[1:] == [["UPDATE"] * 10, ["UPDATE"], ["UPDATE"]]
    left[0] = 2
    assert subject.complete(completions(locks), until=NOW)[3] == "ThrottlingError: why"


def test_a_failed_call_is_an_answer_for_each_of_its_statements(table: PartiQL) -> None:
    """GIVEN 30 events WHEN the first call fails as a whole THEN its 25 are unavailable, the 5 of the second locked."""
    table.failing_calls = [ClientError({"Error": {"Code": "AccessDeniedException", "Message": "m"}}, "B")]
    states = [lock.state for lock in store(table).acquire(wishes(30))]

    assert states == [LockState.UNAVAILABLE] * 25 + [LockState.ACQUIRED] * 5


def test_completions_that_get_lost_are_told(table: PartiQL) -> None:
    """GIVEN three locks WHEN one completion is throttled and one lock was lost THEN only the third is recorded."""
    subject = store(table)
    locks = subject.acquire(wishes(3))
    table.faults = lambda verb, key: "ThrottlingError" if key == "w#0" else None
    table.items["w#1"]["owner"] = {"S": "thief"}

    assert subject.complete(completions(locks)) == ["ThrottlingError: why", LOCK_LOST, None]
    assert table.items["w#1"]["status"] == {"S": "INPROGRESS"}


def test_a_failed_release_is_no_error(table: PartiQL) -> None:
    """GIVEN a lock WHEN its release fails THEN nothing is raised: the lock will expire."""
    subject = store(table)
    locks = subject.acquire(wishes())
    table.failing_calls = [ClientError({"Error": {"Code": "InternalServerError", "Message": "m"}}, "B")]

    subject.release([Release(lock, 1) for lock in locks])

    assert table.items["w#0"]["status"] == {"S": "INPROGRESS"}


def test_a_completed_record_is_never_released(table: PartiQL) -> None:
    """GIVEN a completed event WHEN its lock is given back all the same THEN it stays: its effect is there."""
    subject = store(table)
    locks = subject.acquire(wishes())
    subject.complete(completions(locks))
    subject.release([Release(lock, 1) for lock in locks])

    assert table.items["w#0"]["status"] == {"S": "COMPLETED"}


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"status": "COMPLETED", "expiration": NOW + 1, "data": '"r"'}, LockState.COMPLETED),
        ({"status": "COMPLETED"}, LockState.COMPLETED),
        ({"status": "INPROGRESS", "expiration": NOW + 1}, LockState.IN_PROGRESS),
        ({"status": "INPROGRESS", "expiration": NOW - 1}, LockState.ACQUIRED),
        ({"status": "INPROGRESS", "in_progress_expiration": (NOW - 1) * 1000}, LockState.ACQUIRED),
        ({"status": "COMPLETED", "expiration": NOW + 1, "validation": "other"}, LockState.CONFLICT),
    ],
)
def test_an_item_of_powertools_is_understood(table: PartiQL, item: dict[str, Any], expected: LockState) -> None:
    """GIVEN an item without the owner, and without what Powertools leaves out at times WHEN locked THEN the answer
    is right, and a batch does not fail on it."""
    typed = {name: {"S": value} if isinstance(value, str) else {"N": str(value)} for name, value in item.items()}
    table.items["w#0"] = {"id": {"S": "w#0"}, **typed}

    [lock] = locked(store(table), wishes())

    assert lock.state is expected
    if item.get("data"):
        assert lock.result == orjson.loads(item["data"])
