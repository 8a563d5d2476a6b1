"""What every store promises, held against both: the one of production and the one of tests."""

from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fanout import Envelope, EventError
from fanout.idempotency import (
    Completion,
    DynamoDBStore,
    Lock,
    LockState,
    Release,
    Request,
    Store,
    fingerprint,
    storable,
)
from fanout.idempotency.memory import MemoryStore
from fanout.idempotency.store import LOCK_LOST, derived_id, event_key, key_values
from fanout.publish import wrap

from ..conftest import ThingHappened
from .partiql import PartiQL

NOW = 1_000_000.0
TTL_S = 3_600.0
Clock = list[float]
Make = Callable[..., Store]


def _memory(clock: Clock, **arguments: Any) -> Store:
    return MemoryStore(ttl_s=TTL_S, clock=lambda: clock[0], **arguments)


def _dynamodb(clock: Clock, **arguments: Any) -> Store:
    return DynamoDBStore(cast("Any", PartiQL()), "events", ttl_s=TTL_S, clock=lambda: clock[0], **arguments)


@pytest.fixture(params=[_memory, _dynamodb], ids=["memory", "dynamodb"])
def make(request: pytest.FixtureRequest) -> Make:
    return cast("Make", request.param)


def wish(key: str = "w#e", *, owner: str = "me", data: str = "data", lock_until: float = NOW + 30) -> Request:
    return Request(key=key, owner=owner, fingerprint=data, lock_until=lock_until)


def acquire(store: Store, **wished: Any) -> Lock:
    """What locking the event returns, taken over where it is free."""
    request = wish(**wished)
    [answer] = store.acquire([request])
    if answer.state in (LockState.RELEASED, LockState.DIED):
        [answer] = store.take_over([request], [answer])
    return answer


def test_a_new_event_is_the_claimants(make: Make) -> None:
    """GIVEN an empty store WHEN an event is locked THEN it is the caller's."""
    answer = acquire(make([NOW]))

    assert (answer.key, answer.owner, answer.state) == ("w#e", "me", LockState.ACQUIRED)


def test_a_held_event_is_in_progress_until_its_lock_ends(make: Make) -> None:
    """GIVEN an event that another holds WHEN locked THEN the answer tells until when; WHEN the lock has run out THEN
    it is taken over, and its former holder can neither complete nor release it."""
    clock = [NOW]
    store = make(clock)
    lost = acquire(store, owner="other")

    held = acquire(store)
    assert (held.state, held.locked_until) == (LockState.IN_PROGRESS, NOW + 30)

    clock[0] = NOW + 30
    assert acquire(store, lock_until=NOW + 60).state is LockState.ACQUIRED
    assert store.complete([Completion(lock=lost)]) == [LOCK_LOST]
    store.release([Release(lost, 1)])
    assert acquire(store, owner="third").state is LockState.IN_PROGRESS


def test_a_handled_event_answers_with_its_result(make: Make) -> None:
    """GIVEN a completed event WHEN locked THEN the answer has the result, as the JSON values it was stored as."""
    store = make([NOW])
    assert store.complete([Completion(lock=acquire(store), result={"points": (1, 2)})]) == [None]

    again = acquire(store, owner="other")
    assert (again.state, again.result) == (LockState.COMPLETED, {"points": [1, 2]})


def test_a_handled_event_is_forgotten_in_time(make: Make) -> None:
    """GIVEN a completed event WHEN its time to live is over THEN it can be locked, DynamoDB's own deletion being
    days late or not."""
    clock = [NOW]
    store = make(clock)
    store.complete([Completion(lock=acquire(store))])

    clock[0] = NOW + TTL_S - 1
    assert acquire(store, owner="other").state is LockState.COMPLETED
    clock[0] = NOW + TTL_S
    assert acquire(store, owner="other").state is LockState.ACQUIRED


def test_other_data_under_the_same_id_is_a_conflict(make: Make) -> None:
    """GIVEN an event held or handled WHEN its id comes with other data THEN that is a conflict."""
    store = make([NOW])
    first = acquire(store)
    assert acquire(store, owner="other", data="forged").state is LockState.CONFLICT

    store.complete([Completion(lock=first)])
    assert acquire(store, owner="other", data="forged").state is LockState.CONFLICT


def test_an_unfinished_lock_does_not_outlive_its_lock_for_other_data(make: Make) -> None:
    """GIVEN a lock that ran out WHEN its id comes with other data THEN it is locked: nothing was done under it."""
    clock = [NOW]
    store = make(clock)
    acquire(store, owner="other")
    clock[0] = NOW + 31

    assert acquire(store, data="new", lock_until=NOW + 60).state is LockState.ACQUIRED


def test_a_lock_given_back_is_free_at_once(make: Make) -> None:
    """GIVEN a lock WHEN released THEN another may have it; WHEN released by who does not hold it THEN not."""
    store = make([NOW])
    mine = acquire(store)
    store.release([Release(Lock(key=mine.key, owner="other", state=LockState.ACQUIRED), 1)])
    assert acquire(store, owner="other").state is LockState.IN_PROGRESS

    store.release([Release(mine, 1)])
    assert acquire(store, owner="other").state is LockState.ACQUIRED


def test_the_tries_of_a_lock_that_stays_may_be_written(make: Make) -> None:
    """GIVEN a lock of somebody whose work may still go on WHEN its tries alone are written THEN nobody else has it
    until it expires, and the next one's try is the first."""
    clock = [NOW]
    store = make(clock)
    mine = acquire(store, lock_until=NOW + 30)
    store.release([Release(mine, 0, held=True)])
    assert acquire(store, owner="other").state is LockState.IN_PROGRESS

    clock[0] = NOW + 31
    next_one = acquire(store, owner="other", lock_until=NOW + 60)
    assert (next_one.state, next_one.tries) == (LockState.ACQUIRED, 1)


def test_a_repeated_call_is_known_as_ones_own(make: Make) -> None:
    """GIVEN a client that repeats what was not answered WHEN it locks, completes, releases or takes over twice THEN
    the second time says what the first did; what was never locked is not completed."""
    clock = [NOW]
    store = make(clock)
    mine = acquire(store)
    assert acquire(store) == mine._replace(item=acquire(store).item)
    assert [store.complete([Completion(lock=mine)]) for _ in range(2)] == [[None], [None]]
    assert store.complete([Completion(lock=Lock(key="k", owner="o", state=LockState.ACQUIRED))]) == [LOCK_LOST]

    acquire(store, key="dies", owner="dead")
    clock[0] = NOW + 31
    [died] = store.acquire([wish("dies", lock_until=NOW + 60)])
    first, second = [store.take_over([wish("dies", lock_until=NOW + 60)], [died])[0] for _ in range(2)]
    assert (first.state, first.tries, first.alone) == (second.state, second.tries, second.alone)
    assert (first.state, first.tries) == (LockState.ACQUIRED, 2)
    for _ in range(2):
        store.release([Release(first, 2)])
    [released] = store.acquire([wish("dies", owner="next")])
    assert (released.state, released.tries) == (LockState.RELEASED, 2)


def test_tries_are_counted_by_locks_and_kept_by_releases(make: Make) -> None:
    """GIVEN an event that fails, dies in company, dies alone, and is dead-lettered WHEN it is locked again THEN its
    tries are known, those in doubt apart, and after the DLQ it begins anew."""
    clock = [NOW]
    store = make(clock)

    def together() -> Lock:
        requests = [wish(key, owner=str(clock[0]), lock_until=clock[0] + 30) for key in ("a", "b")]
        known = store.acquire(requests)
        return store.take_over(requests, known)[0] if known[0].state is not LockState.ACQUIRED else known[0]

    first = together()
    assert (first.tries, first.shared, first.alone) == (1, 0, False)
    clock[0] += 31  # died among others
    second = together()
    assert (second.tries, second.shared) == (2, 1)
    clock[0] += 31
    third = acquire(store, key="a", owner="alone", lock_until=clock[0] + 30)
    assert (third.tries, third.shared, third.alone) == (3, 2, True)
    clock[0] += 31
    [died] = store.acquire([wish("a", owner="again", lock_until=clock[0] + 30)])
    assert (died.state, died.tries, died.alone) == (LockState.DIED, 3, True)
    [fourth] = store.take_over([wish("a", owner="again", lock_until=clock[0] + 30)], [died])
    store.release([Release(fourth, 0)])
    fifth = acquire(store, key="a", owner="anew", lock_until=clock[0] + 30)
    assert (fifth.tries, fifth.shared) == (1, 0)


def test_a_take_over_in_company_is_not_alone(make: Make) -> None:
    """GIVEN an event given back that is handled together with locked ones WHEN the process dies THEN that try is in
    doubt, as of a batch."""
    clock = [NOW]
    store = make(clock)
    request = wish(owner="again")
    store.release([Release(acquire(store, owner="before"), 1)])
    [taken] = store.take_over([request], store.acquire([request]), company=True)
    assert (taken.tries, taken.shared, taken.alone) == (2, 0, False)

    clock[0] = NOW + 31
    after = acquire(store, owner="after", lock_until=NOW + 60)
    assert (after.tries, after.shared, after.alone) == (3, 1, True)


def test_a_committed_event_is_never_released(make: Make) -> None:
    """GIVEN a commit whose answer was lost WHEN its lock is given back THEN the event stays completed, with what is
    to be published; WHEN the commit is repeated THEN it is known as one's own."""
    store = make([NOW])
    mine = acquire(store)
    for _ in range(2 if isinstance(store, DynamoDBStore) else 1):
        store.commit([], Completion(mine, 5), [{"a": 1}])
    store.release([Release(mine, 1)])

    again = acquire(store, owner="other")
    assert (again.state, again.result, again.pending) == (LockState.COMPLETED, 5, [{"a": 1}])
    store.forget_pending(["w#e"])
    assert acquire(store, owner="other").pending == []


def test_answers_are_in_order_of_the_wishes(make: Make) -> None:
    """GIVEN known and new events mixed WHEN locked together THEN each answer stands where its wish stood."""
    store = make([NOW])
    store.complete([Completion(lock=acquire(store, key="done"))])
    acquire(store, key="held", owner="other")

    answers = store.acquire([wish(key) for key in ("a", "done", "b", "held", "c")])
    assert [answer.key for answer in answers] == ["a", "done", "b", "held", "c"]
    assert [answer.state.name for answer in answers] == ["ACQUIRED", "COMPLETED", "ACQUIRED", "IN_PROGRESS", "ACQUIRED"]


def test_a_lock_that_was_made_but_not_answered_is_still_the_claimants(make: Make) -> None:
    """GIVEN a lock whose answer got lost, so that the SDK asks again WHEN asked by the same owner THEN it is its."""
    store = make([NOW])
    acquire(store)

    assert acquire(store).state is LockState.ACQUIRED


def test_in_one_write_a_batch_is_recorded_as_a_whole(make: Make) -> None:
    """GIVEN claim mode WHEN all of a batch were handled THEN its mark records each of them, however often it is
    written; WHEN nothing has been said of a batch THEN its events are in progress, and died when the locks end."""
    clock = [NOW]
    store = make(clock, one_write=True)
    whole = store.acquire([wish(key, owner="one") for key in "ab"])
    store.acquire([wish(key, owner="two") for key in "cd"])

    for _ in range(2):
        assert store.complete([Completion(c) for c in whole], whole=whole[0].batch) == [None, None]
    asked = [wish(key, owner="other") for key in "abcd"]
    assert [c.state.name for c in store.acquire(asked)] == ["COMPLETED"] * 2 + ["IN_PROGRESS"] * 2
    clock[0] = NOW + 31
    assert [c.state.name for c in store.acquire(asked)] == ["COMPLETED"] * 2 + ["DIED"] * 2


def test_in_one_write_what_was_taken_over_is_another_batch(make: Make) -> None:
    """GIVEN claim mode and one execution that locks a batch, then takes over what was given back of it WHEN the first
    is recorded as a whole THEN the second is not; WHEN the second is too THEN both are."""
    store = make([NOW], one_write=True)
    store.release([Release(c, 1) for c in store.acquire([wish(key, owner="before") for key in "ab"])])
    known = store.acquire([wish(key) for key in "abcd"])
    taken = store.take_over([wish(key) for key in "ab"], known[:2])
    assert [c.state.name for c in taken + known[2:]] == ["ACQUIRED"] * 4

    asked = [wish(key, owner="other") for key in "abcd"]
    store.complete([Completion(c) for c in known[2:]], whole=known[2].batch)
    assert [c.state.name for c in store.acquire(asked)] == ["IN_PROGRESS"] * 2 + ["COMPLETED"] * 2
    store.complete([Completion(c) for c in taken], whole=taken[0].batch)
    assert [c.state.name for c in store.acquire(asked)] == ["COMPLETED"] * 4


keys = st.sampled_from(["a", "b"])
owners = st.sampled_from(["x", "y", "z"])
steps = st.lists(
    st.tuples(st.just("claim"), keys, owners, st.sampled_from(["data", "other"]))
    | st.tuples(st.sampled_from(["complete", "release", "hold"]), keys, owners, st.just(""))
    | st.tuples(st.just("wait"), st.just(""), st.just(""), st.sampled_from(["10", "40", "4000"])),
    max_size=25,
)


@given(steps=steps, one_write=st.booleans())
def test_both_stores_tell_the_same_story(steps: list[tuple[str, str, str, str]], one_write: bool) -> None:
    """GIVEN any sequence of locks, completions, releases and time WHEN both stores see it THEN both answer alike."""
    clock = [NOW]
    stores = [_memory(clock, one_write=one_write), _dynamodb(clock, one_write=one_write)]
    for kind, key, owner, detail in steps:
        held = Lock(key=key, owner=owner, state=LockState.ACQUIRED)
        if kind == "wait":
            clock[0] += int(detail)
        elif kind == "claim":
            wished = {"key": key, "owner": owner, "data": detail, "lock_until": clock[0] + 30}
            first, second = [acquire(store, **wished)._replace(item=None) for store in stores]
            assert first == second
        elif kind == "complete":
            third, fourth = [store.complete([Completion(lock=held, result=1)]) for store in stores]
            assert third == fourth
        else:
            for store in stores:
                store.release([Release(held, 1, held=kind == "hold")])


@pytest.mark.parametrize("result", [{1: 2}, {1, 2}, 2**70, "x" * 400_000])
def test_what_cannot_be_kept_is_told(result: object) -> None:
    """GIVEN a result that is not JSON values, or too large WHEN asked THEN the reason is told."""
    assert storable(result)
    assert storable({"a": [1, None]}) is None


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.integers(-9, 9) | st.none()))
def test_the_fingerprint_knows_no_order(data: dict[str, int | None]) -> None:
    """GIVEN data WHEN its keys are in another order THEN the fingerprint is the same; WHEN it has one more key THEN
    not."""
    assert fingerprint(data) == fingerprint(dict(reversed(data.items())))
    assert fingerprint(data) != fingerprint({**data, "\x00one more": 1})


def test_the_fingerprint_of_data_too_deep_is_refused() -> None:
    """GIVEN data that nest deeper than JSON is written WHEN fingerprinted THEN that is the event's error."""
    deep: Any = []
    for _ in range(300):
        deep = [deep]

    with pytest.raises(EventError, match=r"detail\.data: "):
        fingerprint({"x": deep})


text = st.text(alphabet="a#%2350id", min_size=1, max_size=6)
"""Of what keys are made of, and of what escapes them."""


def event(
    event_id: str = "e", *, source: str = "test.things", name: str = "ThingHappened", data: Any = None
) -> Envelope:
    metadata = wrap(ThingHappened(number=1), event_id=event_id).metadata
    return Envelope(source=source, name=name, metadata=metadata, data=data or {})


def test_the_key_names_worker_source_name_and_id() -> None:
    """GIVEN an event WHEN its key is made THEN its parts can be read from it, by an operator for instance."""
    assert event_key("probe", event("4711")) == "probe#test.things#ThingHappened#id#4711"


@given(
    first=st.tuples(text, text, text),
    second=st.tuples(text, text, text),
    keyed=st.booleans(),
)
def test_no_event_has_anothers_key(first: tuple[str, str, str], second: tuple[str, str, str], keyed: bool) -> None:
    """GIVEN sources, names and ids with the keys' own separators and escapes WHEN two events differ in any of them
    THEN their keys differ, one being told by its data or not."""
    source, name, event_id = first
    other_source, other_name, other_id = second
    mine = event_key("w", event(event_id, source=source, name=name))
    data, paths = ({"k": other_id}, [("k",)]) if keyed else (None, [])
    other = event_key("w", event(other_id, source=other_source, name=other_name, data=data), paths)

    assert (mine == other) == (first == second and not keyed)


def test_the_fields_of_the_data_tell_events_in_place_of_their_ids() -> None:
    """GIVEN key fields WHEN two events have the same THEN their key is one, whatever their ids and other data; WHEN a
    value, or its type, is another THEN not."""
    paths = [("bucket", "name"), ("key",)]

    def key(event_id: str, **data: Any) -> str:
        return event_key("w", event(event_id, data=data), paths)

    assert key("1", bucket={"name": "b"}, key="k") == key("2", bucket={"name": "b", "owner": "o"}, key="k", size=3)
    assert key("1", bucket={"name": "b"}, key="k") != key("1", bucket={"name": "b"}, key="l")
    assert key("1", bucket={"name": 1}, key="k") != key("1", bucket={"name": "1"}, key="k")
    assert key("1", bucket={"name": "k"}, key="b") != key("1", bucket={"name": "b"}, key="k")


def test_an_event_with_none_of_the_fields_is_told_by_its_id() -> None:
    """GIVEN key fields WHEN an event has none of them THEN its key is that of its id; a field that is null is there."""
    paths = [("a", "b"), ("c",)]
    assert event_key("w", event("1", data={"a": 1, "d": 2}), paths) == event_key("w", event("1"))
    assert key_values({"a": {"b": None}, "c": None}, paths) == [None, None]


def test_an_event_with_some_of_the_fields_is_refused_with_the_missing_one() -> None:
    """GIVEN key fields WHEN an event has some of them only THEN the error names the first that is missing."""
    with pytest.raises(EventError, match=r"detail\.data\.a\.b: missing; idempotency\.key"):
        event_key("w", event(data={"a": "text", "c": 1}), [("a", "b"), ("c",)])


def test_a_field_too_deep_to_be_written_is_refused() -> None:
    """GIVEN a key field whose value nests deeper than JSON is written WHEN its key is made THEN that is the event's
    error, so that it harms no other of its batch."""
    deep: Any = []
    for _ in range(300):
        deep = [deep]

    with pytest.raises(EventError, match=r"detail\.data: "):
        event_key("w", event(data={"k": deep}), [("k",)])


def test_what_an_event_causes_has_ids_of_its_own() -> None:
    """GIVEN an event WHEN ids are derived THEN each is the same again, and another for another thing or event."""
    key, other = event_key("w", event("1")), event_key("w", event("2"))

    assert derived_id(key, "0") == derived_id(key, "0")
    assert len({derived_id(key, "0"), derived_id(key, "1"), derived_id(other, "0")}) == 3


@example(first=("a", "b#0"), second=("a#b", "0"))
@given(first=st.tuples(text, text), second=st.tuples(text, text))
def test_no_derived_id_is_anothers(first: tuple[str, str], second: tuple[str, str]) -> None:
    """GIVEN ids and things with the separator in them WHEN two differ in either THEN so do the ids derived of them."""
    mine, other = [derived_id(event_key("w", event(event_id)), what) for event_id, what in (first, second)]

    assert (mine == other) == (first == second)
