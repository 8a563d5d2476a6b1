"""Each worker has exactly one reason for what became of an event in it, whatever is known."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanout.tracing.hops import Hop
from fanout_tools.declarations.worker import Manifest
from fanout_tools.operate.evidence import Failure, QueueState, Record, RecordState
from fanout_tools.operate.views.why import Facts, Fate, reason

from ..worlds import NOW, envelope, manifest

EVENT = "shop.orders/OrderPlaced"
LETTER = Failure(event_id="e", cause="KeyError: sku", place="inventory/handler.py:31")


def hop(outcome: str, **more: Any) -> Hop:
    values: dict[str, Any] = dict.fromkeys(Hop._fields) | {
        "worker": "w", "event_id": "e", "correlation_id": "e", "event": EVENT, "tries": 1, "receives": 1,
        "outcome": outcome, "published": (), "traceparent": "", "logged_ms": 0,
    }  # fmt: skip
    return Hop(**(values | more))


def record(state: RecordState, **more: Any) -> Record:
    return Record(worker="w", event=EVENT, event_id="e", key="w#e", state=state, **more)


def facts(**more: Any) -> Facts:
    known: dict[str, Any] = {
        "worker": "w",
        "event": EVENT,
        "manifest": manifest(EVENT),
        "now": NOW,
        "published_at": NOW - 3600,
    }
    return Facts(**(known | more))


def filtered() -> Manifest:
    where = {"total": {"amount": [{"numeric": [">", 25]}]}}
    declared = {"description": "d", "subscribes": [{"event": EVENT, "where": where}]}
    return Manifest.parse(declared, file="worker.yaml")


EMPTY = QueueState(messages=0, created_at=1.0, dead=0)
CHEAP = envelope(EVENT, "e", "e", total={"amount": 20})
DEAR = envelope(EVENT, "e", "e", total={"amount": 30})
LATE = envelope(EVENT, "e", "e")
LATE.metadata.expires_at = "2026-01-01T00:00:00.000Z"

CASES: dict[str, tuple[dict[str, Any], Fate, str]] = {
    "completed": ({"record": record(RecordState.COMPLETED)}, Fate.HANDLED, ""),
    "completed, though a copy is dead": (
        {"record": record(RecordState.COMPLETED), "dead": LETTER}, Fate.HANDLED, ""),
    "only the log knows": ({"tries": [hop("handled")]}, Fate.HANDLED, "no record of it is kept any more"),
    "dead": ({"dead": LETTER}, Fate.DEAD, "KeyError: sku (inventory/handler.py:31)"),
    "dead, and the log says where": (
        {"dead": Failure(event_id="e", cause="KeyError: sku"), "failure": LETTER}, Fate.DEAD,
        "KeyError: sku (inventory/handler.py:31)"),
    "dead though its claim is left": (
        {"dead": LETTER, "record": record(RecordState.DIED)}, Fate.DEAD, "KeyError"),
    "held": (
        {"record": record(RecordState.HELD, owner="request-1", locked_until=NOW + 30)}, Fate.HELD,
        "by request-1, for 30 s more at most"),
    "moved": (
        {"record": record(RecordState.RELEASED, tries=0), "failure": LETTER}, Fate.DEAD,
        "KeyError: sku (inventory/handler.py:31); moved to the DLQ"),
    "moved, and gone from there": (
        {"record": record(RecordState.RELEASED, tries=0), "queue": EMPTY}, Fate.REMOVED, "redriven, dropped"),
    "moved just now": (
        {"record": record(RecordState.RELEASED, tries=0), "queue": EMPTY,
         "tries": [hop("rejected", logged_ms=NOW * 1000)]},
        Fate.DEAD, "moved to the DLQ"),
    "rejected, as the log says": ({"tries": [hop("rejected")], "dead_read": True}, Fate.REMOVED, "there no more"),
    "released": ({"record": record(RecordState.RELEASED, tries=2), "failure": LETTER}, Fate.RETRYING,
                 "2 tries failed; it comes again: KeyError"),
    "died": ({"record": record(RecordState.DIED, tries=1)}, Fate.RETRYING, "the process died over try 1"),
    "postponed": ({"tries": [hop("postponed", receives=3)]}, Fate.RETRYING, "postponed at receive 3"),
    "retried while paused": (
        {"record": record(RecordState.RELEASED), "queue": QueueState(messages=1, paused=True)}, Fate.RETRYING,
        "1 try failed; it comes again, once the worker is resumed"),
    "undelivered": ({"undelivered": LETTER}, Fate.UNDELIVERED, "KeyError: sku"),
    "not subscribed": ({"manifest": manifest("shop.x/Other")}, Fate.NOT_SUBSCRIBED, ""),
    "filtered": ({"manifest": filtered(), "envelope": CHEAP}, Fate.FILTERED, "detail.data.total.amount is 20"),
    "its queue is younger": (
        {"queue": QueueState(messages=0, created_at=NOW - 60)}, Fate.NOT_DEPLOYED, "59 min after the event"),
    "came too late": ({"tries": [hop("expired")]}, Fate.EXPIRED, "after its expires_at"),
    "is too late": ({"envelope": LATE}, Fate.EXPIRED, "2026-01-01"),
    "forgotten": ({"published_at": NOW - 40 * 86_400}, Fate.FORGOTTEN, "it remembers 18 d; the event is 40 d old"),
    "a filter without data": ({"manifest": filtered()}, Fate.UNDECIDED, '"numeric": [">", 25]'),
    "paused": ({"queue": QueueState(messages=3, paused=True)}, Fate.PAUSED, "3 messages in its queue"),
    "paused by a person": (
        {"queue": QueueState(messages=1, paused=True, paused_by='since 14:02 by ann: "SES limit"')}, Fate.PAUSED,
        'since 14:02 by ann: "SES limit"; 1 message in its queue'),
    "paused, and it is not in the queue": (
        {"queue": QueueState(messages=0, paused=True, dead=0)}, Fate.LOST, "no message waits"),
    "paused, and it may not be in the queue yet": (
        {"queue": QueueState(messages=0, paused=True), "published_at": NOW - 5}, Fate.PAUSED, "0 messages"),
    "filtered, by what was deployed afterwards": (
        {"manifest": filtered(), "envelope": CHEAP, "queue": QueueState(messages=0, deployed_at=NOW - 60)},
        Fate.FILTERED, "deployed 59 min after the event: its filter may have been another"),
    "on its way": ({"published_at": NOW - 5}, Fate.WAITING, "published 5 s ago: on its way"),
    "waiting": ({"queue": QueueState(messages=7, oldest_s=4000)}, Fate.WAITING, "7 messages in its queue, the oldest"),
    "what waits is younger": ({"queue": QueueState(messages=7, oldest_s=60)}, Fate.LOST, "nothing says why"),
    "off": ({"manifest": manifest(EVENT, idempotency={"mode": "off"})}, Fate.NOT_TOLD, "idempotency: off"),
    "by a field": ({"manifest": manifest(EVENT, idempotency={"key": ["order_id"]})}, Fate.NOT_TOLD, "by order_id"),
    "lost": ({"queue": EMPTY}, Fate.LOST, "no record of an event 60 min old, no message waits"),
    "lost, with a filter that let it pass": (
        {"manifest": filtered(), "envelope": DEAR, "queue": EMPTY}, Fate.LOST, "no record"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_thing_that_can_be_known_has_its_reason(case: str) -> None:
    """GIVEN what is known of an event in a worker WHEN asked why THEN the fate is the case's, and the text says what a
    person needs."""
    known, fate, text = CASES[case]
    found = reason(facts(**known))

    assert found.fate is fate
    assert text in found.text


def test_every_fate_has_a_case() -> None:
    assert {fate for _, fate, _ in CASES.values()} == set(Fate)


def options(name: str) -> st.SearchStrategy[Any]:
    """What the cases have under a name, or nothing."""
    values = [known[name] for known, _, _ in CASES.values() if name in known]
    return st.sampled_from(values) if values else st.nothing()


NAMES = sorted({name for known, _, _ in CASES.values() for name in known})


@settings(max_examples=300, deadline=None)
@given(known=st.fixed_dictionaries({}, optional={name: options(name) for name in NAMES}))
def test_whatever_is_known_there_is_one_reason(known: dict[str, Any]) -> None:
    """GIVEN any of what can be known, together WHEN asked why THEN there is one reason, the same again; and a loss is
    suspected only of an event that was subscribed to and of which nothing tells."""
    given_facts = facts(**known)
    found = reason(given_facts)

    assert found == reason(given_facts)
    assert isinstance(found.fate, Fate)
    assert found.text or found.fate in (Fate.HANDLED, Fate.NOT_SUBSCRIBED)
    if found.fate is Fate.LOST:
        assert given_facts.subscribed
        assert not any((given_facts.record, given_facts.tries, given_facts.dead, given_facts.undelivered))
