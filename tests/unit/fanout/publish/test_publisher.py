"""Publishing: full batches, in order, every event answered for, and only what failed sent again."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import count, islice
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from fanout import Envelope, Event, EventError, Publisher, PublishError
from fanout.publish import wrap
from fanout.publish.batches import BACKOFF_CAP_S, CLASSIC, MAX_ATTEMPTS, MAX_CALL_BYTES
from fanout.publish.routes import Route
from tests.unit.fanout.conftest import ThingHappened

MAX_BYTES = Route().max_bytes
Answer = Callable[[Sequence[dict[str, Any]]], list[str | None]]


class Noted(Event, source="test.notes"):
    """An event of any size."""

    text: str


class Counted(Event, source="test.notes"):
    """An event with a number of any size."""

    number: int


class Bus:
    """PutEvents in memory: ``answer`` gives each entry's error code, or raises for the whole call."""

    def __init__(self, answer: Answer = lambda entries: [None] * len(entries)) -> None:
        self.calls: list[list[dict[str, Any]]] = []
        self.taken: list[dict[str, Any]] = []
        self._answer = answer
        self._lock = threading.Lock()

    def put_events(self, *, Entries: Sequence[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        with self._lock:
            self.calls.append(list(Entries))
            codes = self._answer(Entries)
            self.taken += [entry for entry, code in zip(Entries, codes, strict=True) if code is None]
        return {
            "FailedEntryCount": sum(code is not None for code in codes),
            "Entries": [{"ErrorCode": c, "ErrorMessage": "why"} if c else {"EventId": "theirs"} for c in codes],
        }


def publisher(bus: Bus, slept: list[float] | None = None, **arguments: Any) -> Publisher:
    """A publisher that waits in virtual time, as long as it may."""
    waits = [] if slept is None else slept
    return Publisher(cast("Any", bus), "the-bus", sleep=waits.append, uniform=lambda _, most: most, **arguments)


def size(entry: dict[str, Any]) -> int:
    """AWS's formula of an entry's size, in bytes."""
    return sum(len(str(entry[part]).encode()) for part in ("Source", "DetailType", "Detail"))


def fails(code: str, times: int, which: Callable[[dict[str, Any]], bool] = lambda entry: True) -> Answer:
    """Every such entry is refused so many times, then taken."""
    refused: Counter[str] = Counter()

    def answer(entries: Sequence[dict[str, Any]]) -> list[str | None]:
        codes: list[str | None] = []
        for entry in entries:
            refuse = which(entry) and refused[entry["Detail"]] < times
            refused[entry["Detail"]] += refuse
            codes.append(code if refuse else None)
        return codes

    return answer


def test_one_event() -> None:
    """GIVEN a bus WHEN one event is published THEN it has the entry, and the receipt the envelope."""
    bus = Bus()
    envelope = wrap(ThingHappened(number=1))
    receipt = publisher(bus).publish(envelope)

    assert receipt.accepted
    assert (receipt.envelope, receipt.attempts, receipt.error) == (envelope, 1, None)
    assert bus.taken == [
        {
            "EventBusName": "the-bus",
            "Source": "test.things",
            "DetailType": "ThingHappened",
            "Detail": envelope.detail(),
        }
    ]


def test_nothing_to_publish() -> None:
    """GIVEN no events WHEN published THEN the bus is not called."""
    bus = Bus()

    assert list(publisher(bus).publish_all([])) == []
    assert bus.calls == []


@given(sizes=st.lists(st.integers(0, MAX_BYTES + 1_000) | st.integers(0, 100), max_size=40))
def test_batches_are_full_but_within_both_limits(sizes: list[int]) -> None:
    """GIVEN events of any sizes WHEN published THEN no call has more than 10 or is too large, no two neighbours would
    have fitted into one, each event that fits is taken once, and the receipts are in order."""
    bus = Bus()
    envelopes = [wrap(Noted(text="x" * length)) for length in sizes]
    receipts = list(publisher(bus, concurrency=1).publish_all(envelopes))

    assert [receipt.envelope for receipt in receipts] == envelopes
    assert all(len(call) <= CLASSIC.max_entries and sum(map(size, call)) <= MAX_CALL_BYTES for call in bus.calls)
    assert [r.envelope.detail() for r in receipts if r.accepted] == [entry["Detail"] for entry in bus.taken]
    for first, second in zip(bus.calls, bus.calls[1:], strict=False):
        separated = len(receipts) > len(bus.taken)  # an event too large may stand between them
        assert separated or len(first) == CLASSIC.max_entries or sum(map(size, [*first, second[0]])) > MAX_CALL_BYTES


def test_an_event_too_large_is_refused_without_a_call() -> None:
    """GIVEN events of which one is too large for SNS WHEN published THEN its receipt says so, the others go."""
    bus = Bus()
    first, large, last = publisher(bus).publish_all([Noted(text=t) for t in ("a", "x" * MAX_BYTES, "b")])

    assert first.accepted
    assert last.accepted
    assert (large.accepted, large.attempts) == (False, 0)
    assert str(large.error).startswith("TooLarge: ")
    assert f"of which {MAX_BYTES} fit its way" in str(large.error)
    assert len(bus.taken) == 2


def test_the_largest_event_goes() -> None:
    """GIVEN an event of exactly the limit WHEN published THEN the bus has it; with one byte more it has not."""
    bus = Bus()
    empty = wrap(Noted(text=""))
    room = MAX_BYTES - len("test.notes") - len("Noted") - len(empty.detail())

    def filled(length: int) -> Envelope:
        return Envelope(
            source=empty.source, name=empty.name, metadata=empty.metadata, data={"text": "x" * length}
        )  # fmt: skip

    assert [r.accepted for r in publisher(bus).publish_all([filled(room), filled(room + 1)])] == [True, False]
    assert [size(entry) for entry in bus.taken] == [MAX_BYTES]


def test_an_event_that_no_json_can_say_harms_no_other() -> None:
    """GIVEN an event with a number over 64 bits WHEN published THEN its receipt says so, the others go."""
    receipts = list(publisher(Bus()).publish_all([Counted(number=n) for n in (1, 2**70, 3)]))

    assert [receipt.accepted for receipt in receipts] == [True, False, True]
    assert str(receipts[1].error).startswith("NotJson: ")


def test_only_what_failed_is_sent_again() -> None:
    """GIVEN a bus that refuses three of ten entries once WHEN published THEN the second call has those three."""
    bus = Bus(fails("InternalFailure", 1, lambda entry: entry["Detail"][-3] in "258"))
    events = [ThingHappened(number=n) for n in range(10)]
    receipts = list(publisher(bus).publish_all(events))

    assert [len(call) for call in bus.calls] == [10, 3]
    assert all(receipt.accepted for receipt in receipts)
    assert [receipt.attempts for receipt in receipts] == [2 if n in (2, 5, 8) else 1 for n in range(10)]
    assert len(bus.taken) == 10


def test_between_attempts_it_waits_longer_each_time() -> None:
    """GIVEN a bus that refuses for good WHEN published THEN the waits double up to the cap, the attempts end, and
    the receipt has the last error."""
    slept: list[float] = []
    bus = Bus(fails("ThrottlingException", 99))
    [receipt] = publisher(bus, slept).publish_all([ThingHappened(number=1)])

    assert len(bus.calls) == receipt.attempts == MAX_ATTEMPTS
    assert slept == [0.2, 0.4, 0.8, 1.6]
    assert max(slept) <= BACKOFF_CAP_S
    assert receipt.error == "ThrottlingException: why"


@pytest.mark.parametrize("code", ["MalformedDetail", "InvalidArgument", "NotAuthorizedForSourceException"])
def test_what_no_repetition_fixes_is_not_repeated(code: str) -> None:
    """GIVEN an entry that is wrong in itself beside one that met a fault WHEN published THEN only the latter is sent
    again."""
    answers: Iterator[list[str | None]] = iter([[code, "InternalFailure"], [None]])
    bus = Bus(lambda entries: next(answers))
    wrong, right = publisher(bus).publish_all([ThingHappened(number=n) for n in range(2)])

    assert (wrong.attempts, wrong.error) == (1, f"{code}: why")
    assert (right.attempts, right.error) == (2, None)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ClientError({"Error": {"Code": "InternalException", "Message": "m"}}, "PutEvents"), "InternalException: m"),
        (ConnectTimeoutError(endpoint_url="http://x"), "ConnectTimeoutError: "),
    ],
)
def test_what_hits_a_call_hits_its_entries(error: Exception, said: str) -> None:
    """GIVEN calls that fail as a whole WHEN published THEN each entry is tried again, and answered for."""

    def fail(entries: object) -> list[str | None]:
        raise error

    receipts = list(publisher(Bus(fail)).publish_all([ThingHappened(number=n) for n in range(3)]))

    assert [receipt.attempts for receipt in receipts] == [MAX_ATTEMPTS] * 3
    assert all(str(receipt.error).startswith(said) for receipt in receipts)


def test_a_call_that_fails_once_is_no_loss() -> None:
    """GIVEN one failed call WHEN published THEN the second brings all entries."""
    errors = [ConnectTimeoutError(endpoint_url="http://x")]

    def answer(entries: Sequence[Any]) -> list[str | None]:
        if errors:
            raise errors.pop()
        return [None] * len(entries)

    receipts = publisher(Bus(answer)).publish_all([ThingHappened(number=n) for n in range(3)])

    assert [(receipt.accepted, receipt.attempts) for receipt in receipts] == [(True, 2)] * 3


def test_a_call_that_no_repetition_fixes_is_not_repeated() -> None:
    """GIVEN a role that may not publish WHEN published THEN one call is enough to know."""

    def deny(entries: object) -> list[str | None]:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "m"}}, "PutEvents")

    bus, slept = Bus(deny), list[float]()
    [receipt] = publisher(bus, slept).publish_all([ThingHappened(number=1)])

    assert (len(bus.calls), slept, receipt.error) == (1, [], "AccessDeniedException: m")


def test_one_event_that_is_not_taken_is_an_error() -> None:
    """GIVEN a bus that takes nothing WHEN one event is published THEN the error names event, id and cause."""
    envelope = wrap(ThingHappened(number=1), event_id="e-1")
    with pytest.raises(PublishError, match=r"^test\.things/ThingHappened e-1: InternalFailure: why$"):
        publisher(Bus(fails("InternalFailure", 99))).publish(envelope)


def test_an_endless_stream_is_published_in_constant_memory() -> None:
    """GIVEN a generator without end WHEN the receipts are taken one by one THEN it is never further ahead than the
    calls under way and one batch more."""
    drawn = [0]

    def events() -> Iterator[Event]:
        for number in count():
            drawn[0] += 1
            yield ThingHappened(number=number)

    receipts = publisher(Bus(), concurrency=2).publish_all(events())

    seen = 0
    for seen, receipt in enumerate(islice(receipts, 500), start=1):
        assert receipt.envelope.data == {"number": seen - 1}
        assert drawn[0] - seen <= (2 + 1) * CLASSIC.max_entries
    assert seen == 500
    cast("Any", receipts).close()


def test_receipts_that_nobody_asks_for_are_complained_of(caplog: pytest.LogCaptureFixture) -> None:
    """GIVEN events WHEN no receipt is taken THEN nothing is sent, an error is logged and a warning given."""
    bus = Bus()
    with pytest.warns(ResourceWarning, match="nothing was published"):
        publisher(bus).publish_all([ThingHappened(number=1)])

    assert bus.calls == []
    assert "nothing was published" in caplog.text


def test_receipts_that_are_dropped_before_the_last_are_complained_of(caplog: pytest.LogCaptureFixture) -> None:
    """GIVEN more events than there are calls under way for WHEN the caller stops at the first receipt THEN an error
    says that the rest was not published."""
    bus = Bus(fails("AccessDeniedException", 1))
    events = [ThingHappened(number=number) for number in range(100)]
    with pytest.warns(ResourceWarning, match="were not published"):
        assert not all(receipt.accepted for receipt in publisher(bus, concurrency=2).publish_all(events))

    assert len(bus.calls) < 10
    assert "were not published" in caplog.text


@pytest.mark.parametrize("number", [1, 10, 95])
@pytest.mark.filterwarnings("error")
def test_receipts_that_were_all_taken_are_not_complained_of(number: int, caplog: pytest.LogCaptureFixture) -> None:
    """GIVEN as many receipts as events WHEN nobody asks for one more, as zip does not THEN nothing is said."""
    events = [ThingHappened(number=each) for each in range(number)]
    pairs = list(zip(events, publisher(Bus(), concurrency=2).publish_all(events), strict=False))

    assert len(pairs) == number
    assert caplog.text == ""


class Weighed(Event, source="test.things"):
    ratio: float | None = None
    parts: tuple[dict[str, float], ...] = ()
    notes: Any = None


@pytest.mark.parametrize(
    ("event", "where"),
    [
        (Weighed(ratio=float("nan")), "ratio: nan"),
        (Weighed(parts=({"a": 1.0}, {"b": float("-inf")})), r"parts\[1\].b: -inf"),
        (Weighed(notes={"a": [float("nan")]}), r"notes.a\[0\]: nan"),
    ],
)
def test_a_number_that_json_has_not_is_refused_by_its_field(event: Event, where: str) -> None:
    """GIVEN NaN or infinity WHEN wrapped THEN the error names the field; WHEN published in an envelope THEN the
    receipt does, for good."""
    with pytest.raises(EventError, match=where):
        wrap(event)
    envelope = replace(wrap(Weighed()), data=event.model_dump())
    [receipt] = publisher(Bus()).publish_all([envelope])

    assert receipt.permanent
    assert receipt.code == "NotJson"
    assert re.search(where, receipt.error or "")


def test_null_is_no_wrong_number() -> None:
    """GIVEN a field that is None WHEN published THEN it is taken."""
    assert publisher(Bus()).publish(Weighed()).accepted


def test_calls_are_under_way_at_once_but_no_more_than_allowed() -> None:
    """GIVEN a bus that answers only when three calls wait WHEN published with concurrency 3 THEN they meet, and
    there were never more."""
    gate, under_way, most = threading.Barrier(3, timeout=30), [0], [0]
    counting = threading.Lock()

    class Meeting(Bus):
        def put_events(self, *, Entries: Sequence[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
            with counting:
                under_way[0] += 1
                most[0] = max(most[0], under_way[0])
            gate.wait()
            with counting:
                under_way[0] -= 1
            return super().put_events(Entries=Entries)

    receipts = list(publisher(Meeting(), concurrency=3).publish_all(ThingHappened(number=n) for n in range(60)))

    assert [receipt.envelope.data["number"] for receipt in receipts] == list(range(60))
    assert most == [3]


def test_threads_may_share_a_publisher() -> None:
    """GIVEN eight threads WHEN each publishes 50 events by one publisher THEN each has its own receipts, in order,
    and the bus has every event once."""
    bus = Bus(fails("InternalFailure", 1, lambda entry: "7" in entry["Detail"][-6:]))
    shared = publisher(bus)

    def publish(thread: int) -> list[int]:
        events = (ThingHappened(number=thread * 1_000 + n) for n in range(50))
        return [receipt.envelope.data["number"] for receipt in shared.publish_all(events) if receipt.accepted]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(publish, range(8)))

    assert answers == [[thread * 1_000 + n for n in range(50)] for thread in range(8)]
    assert len(bus.taken) == len({entry["Detail"] for entry in bus.taken}) == 400


def test_a_faulty_source_ends_the_stream() -> None:
    """GIVEN a generator that fails WHEN published THEN its error comes through."""

    def events() -> Iterator[Event]:
        yield ThingHappened(number=1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(publisher(Bus()).publish_all(events()))


# Wrapping.


def test_a_root_event_starts_a_correlation_and_a_trace() -> None:
    """GIVEN an event alone WHEN wrapped THEN its id is random, its correlation's too, and its trace is new."""
    now = datetime(2026, 1, 2, 3, 4, 5, 6_789, tzinfo=UTC)
    first, second = wrap(ThingHappened(number=1), now=now).metadata, wrap(ThingHappened(number=1), now=now).metadata

    assert first.event_id != second.event_id
    assert first.correlation_id == first.event_id
    assert first.traceparent != second.traceparent
    assert first.published_at == "2026-01-02T03:04:05.006Z"
    assert (first.causation_id, first.subject, first.expires_at) == (None, None, None)


def test_what_is_given_is_kept() -> None:
    """GIVEN every argument WHEN wrapped THEN the metadata has it, and times in UTC."""
    noon = datetime(2026, 1, 2, 12, tzinfo=timezone(timedelta(hours=2)))
    metadata = wrap(
        ThingHappened(number=1),
        event_id="e",
        subject="s",
        correlation_id="c",
        causation_id="r",
        traceparent="t",
        expires_at=noon,
    ).metadata

    assert (metadata.event_id, metadata.subject, metadata.correlation_id) == ("e", "s", "c")
    assert (metadata.causation_id, metadata.traceparent) == ("r", "t")
    assert metadata.expires_at == "2026-01-02T10:00:00.000Z"
    assert metadata.schema_version == 1


def test_no_attempt_begins_when_its_pause_would_outlast_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN a bus that throttles and no time for the pause WHEN published THEN there is one attempt, and the receipt
    says that another may succeed."""
    monkeypatch.setattr("fanout.aws.remaining_s", lambda: 0.0)
    slept: list[float] = []

    class Throttling(Bus):
        def put_events(self, *, Entries: Sequence[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
            return {"Entries": [{"ErrorCode": "ThrottlingException", "ErrorMessage": "m"} for _ in Entries]}

    [receipt] = publisher(Throttling(), slept).publish_all([ThingHappened(number=1)])

    assert (receipt.attempts, receipt.permanent, slept) == (1, False, [])


def test_a_lost_answer_is_repeated_under_the_same_id() -> None:
    """GIVEN a call that was carried out and whose answer was lost WHEN published THEN it is repeated with the same
    event_id, which subscribers suppress."""
    ids: list[str] = []

    class Losing(Bus):
        def put_events(self, *, Entries: Sequence[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
            ids.extend(re.findall(r'"event_id":"([^"]+)"', Entries[0]["Detail"]))
            if len(ids) == 1:
                raise ConnectTimeoutError(endpoint_url="http://bus")
            return {"Entries": [{"EventId": "e"} for _ in Entries]}

    assert publisher(Losing()).publish(wrap(ThingHappened(number=1), event_id="e-1")).accepted
    assert ids == ["e-1", "e-1"]
