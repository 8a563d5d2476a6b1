"""What every store promises, held against both: the one of production and the one of tests."""

from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanout import EventError
from fanout.idempotency import Claim, ClaimState, Completion, DynamoDBStore, Request, Store, fingerprint
from fanout.idempotency.memory import MemoryStore

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


def claim(store: Store, **wished: Any) -> Claim:
    [answer] = store.claim([wish(**wished)])
    return answer


def test_a_new_event_is_the_claimants(make: Make) -> None:
    """GIVEN an empty store WHEN an event is claimed THEN it is the caller's."""
    answer = claim(make([NOW]))

    assert (answer.key, answer.owner, answer.state) == ("w#e", "me", ClaimState.CLAIMED)


def test_a_held_event_is_in_progress_until_its_lock_ends(make: Make) -> None:
    """GIVEN an event that another holds WHEN claimed THEN the answer tells until when; WHEN the lock has run out THEN
    it is taken over, and its former holder can neither complete nor release it."""
    clock = [NOW]
    store = make(clock)
    lost = claim(store, owner="other")

    held = claim(store)
    assert (held.state, held.locked_until) == (ClaimState.IN_PROGRESS, NOW + 30)

    clock[0] = NOW + 30
    assert claim(store, lock_until=NOW + 60).state is ClaimState.CLAIMED
    assert store.complete([Completion(claim=lost)]) == [False]
    store.release([lost])
    assert claim(store, owner="third").state is ClaimState.IN_PROGRESS


def test_a_handled_event_answers_with_its_result(make: Make) -> None:
    """GIVEN a completed event WHEN claimed THEN the answer has the result, as the JSON values it was stored as."""
    store = make([NOW])
    assert store.complete([Completion(claim=claim(store), result={"points": (1, 2)})]) == [True]

    again = claim(store, owner="other")
    assert (again.state, again.result) == (ClaimState.COMPLETED, {"points": [1, 2]})


def test_a_handled_event_is_forgotten_in_time(make: Make) -> None:
    """GIVEN a completed event WHEN its time to live is over THEN it can be claimed, DynamoDB's own deletion being
    days late or not."""
    clock = [NOW]
    store = make(clock)
    store.complete([Completion(claim=claim(store))])

    clock[0] = NOW + TTL_S - 1
    assert claim(store, owner="other").state is ClaimState.COMPLETED
    clock[0] = NOW + TTL_S
    assert claim(store, owner="other").state is ClaimState.CLAIMED


def test_other_data_under_the_same_id_is_a_conflict(make: Make) -> None:
    """GIVEN an event held or handled WHEN its id comes with other data THEN that is a conflict."""
    store = make([NOW])
    first = claim(store)
    assert claim(store, owner="other", data="forged").state is ClaimState.CONFLICT

    store.complete([Completion(claim=first)])
    assert claim(store, owner="other", data="forged").state is ClaimState.CONFLICT


def test_an_unfinished_claim_does_not_outlive_its_lock_for_other_data(make: Make) -> None:
    """GIVEN a lock that ran out WHEN its id comes with other data THEN it is claimed: nothing was done under it."""
    clock = [NOW]
    store = make(clock)
    claim(store, owner="other")
    clock[0] = NOW + 31

    assert claim(store, data="new", lock_until=NOW + 60).state is ClaimState.CLAIMED


def test_a_claim_given_back_is_free_at_once(make: Make) -> None:
    """GIVEN a claim WHEN released THEN another may have it; WHEN released by who does not hold it THEN not."""
    store = make([NOW])
    mine = claim(store)
    store.release([Claim(key=mine.key, owner="other", state=ClaimState.CLAIMED)])
    assert claim(store, owner="other").state is ClaimState.IN_PROGRESS

    store.release([mine])
    assert claim(store, owner="other").state is ClaimState.CLAIMED


def test_a_completion_is_recorded_once(make: Make) -> None:
    """GIVEN a claim WHEN completed twice THEN only the first counts; WHEN never claimed THEN none."""
    store = make([NOW])
    mine = claim(store)

    assert store.complete([Completion(claim=mine)]) == [True]
    assert store.complete([Completion(claim=mine)]) == [False]
    assert store.complete([Completion(claim=Claim(key="k", owner="o", state=ClaimState.CLAIMED))]) == [False]


def test_answers_are_in_order_of_the_wishes(make: Make) -> None:
    """GIVEN known and new events mixed WHEN claimed together THEN each answer stands where its wish stood."""
    store = make([NOW])
    store.complete([Completion(claim=claim(store, key="done"))])
    claim(store, key="held", owner="other")

    answers = store.claim([wish(key) for key in ("a", "done", "b", "held", "c")])
    assert [answer.key for answer in answers] == ["a", "done", "b", "held", "c"]
    assert [answer.state.name for answer in answers] == ["CLAIMED", "COMPLETED", "CLAIMED", "IN_PROGRESS", "CLAIMED"]


def test_a_claim_that_was_made_but_not_answered_is_still_the_claimants(make: Make) -> None:
    """GIVEN a claim whose answer got lost, so that the SDK asks again WHEN asked by the same owner THEN it is its."""
    store = make([NOW])
    claim(store)

    assert claim(store).state is ClaimState.CLAIMED


def test_in_one_write_a_message_keeps_its_claim(make: Make) -> None:
    """GIVEN claim mode WHEN the same message comes again THEN it takes its own claim over; another message with the
    event is a duplicate, from the first moment; a completion costs nothing and is always recorded."""
    store = make([NOW], one_write=True)
    mine = claim(store, owner="message-1")

    assert claim(store, owner="message-2").state is ClaimState.COMPLETED
    assert store.complete([Completion(claim=mine)]) == [True]
    assert claim(store, owner="message-2").state is ClaimState.COMPLETED
    assert claim(store, owner="message-1").state is ClaimState.CLAIMED
    store.release([mine])
    assert claim(store, owner="message-2").state is ClaimState.CLAIMED


keys = st.sampled_from(["a", "b"])
owners = st.sampled_from(["x", "y", "z"])
steps = st.lists(
    st.tuples(st.just("claim"), keys, owners, st.sampled_from(["data", "other"]))
    | st.tuples(st.sampled_from(["complete", "release"]), keys, owners, st.just(""))
    | st.tuples(st.just("wait"), st.just(""), st.just(""), st.sampled_from(["10", "40", "4000"])),
    max_size=25,
)


@given(steps=steps, one_write=st.booleans())
def test_both_stores_tell_the_same_story(steps: list[tuple[str, str, str, str]], one_write: bool) -> None:
    """GIVEN any sequence of claims, completions, releases and time WHEN both stores see it THEN both answer alike."""
    clock = [NOW]
    stores = [_memory(clock, one_write=one_write), _dynamodb(clock, one_write=one_write)]
    for kind, key, owner, detail in steps:
        held = Claim(key=key, owner=owner, state=ClaimState.CLAIMED)
        if kind == "wait":
            clock[0] += int(detail)
        elif kind == "claim":
            request = wish(key, owner=owner, data=detail, lock_until=clock[0] + 30)
            first, second = [store.claim([request]) for store in stores]
            assert first == second
        elif kind == "complete":
            first, second = [store.complete([Completion(claim=held, result=1)]) for store in stores]  # type: ignore[assignment]
            assert first == second
        else:
            for store in stores:
                store.release([held])


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
