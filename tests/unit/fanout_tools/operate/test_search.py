"""A trace tells what a bus has delivered, by the records that workers keep, with and without their logs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanout.events.envelope import Envelope
from fanout.idempotency.store import derived_id, event_key
from fanout_tools.operate.dead_letters import DeadLetter, read
from fanout_tools.operate.evidence import GatherState
from fanout_tools.operate.search import NotFoundError, Search
from fanout_tools.operate.views.trace import of_gather, trace
from fanout_tools.operate.views.why import Fate

from .worlds import NOW, Bus, envelope, manifest, topology

EVENTS = ["shop.a/Alpha", "shop.b/Beta", "shop.c/Gamma Ray"]
ROOT = str(UUID(int=7 << 64))


@st.composite
def buses(draw: st.DrawFn) -> Bus:
    """Up to four workers that take some of three events, each with its fate, and publish some others."""
    names = [f"w{number}" for number in range(draw(st.integers(1, 4)))]
    publishes = {name: draw(st.lists(st.sampled_from(EVENTS), max_size=2)) for name in names}
    manifests = {
        name: manifest(
            *draw(st.one_of(st.just(["*"]), st.lists(st.sampled_from(EVENTS), min_size=1, unique=True))),
            publishes=sorted(set(publishes[name])),
            via="bus",
        )
        for name in names
    }
    fates = draw(
        st.dictionaries(
            st.tuples(st.sampled_from(EVENTS), st.sampled_from(names)),
            st.sampled_from([Fate.HELD, Fate.RETRYING, Fate.DEAD, Fate.WAITING, Fate.LOST]),
        )
    )
    # A queue that holds something explains all that has not come, so that waiting and lost exclude each other.
    waits = {worker for (_, worker), fate in fates.items() if fate is Fate.WAITING}
    fates = {place: Fate.WAITING if fate is Fate.LOST and place[1] in waits else fate for place, fate in fates.items()}
    return Bus(topology(manifests), fates, publishes)


def search(bus: Bus, *, read_logs: bool) -> Search:
    return Search(bus.topology, bus, read_logs=read_logs, since=NOW - 3600, clock=lambda: NOW)


@settings(max_examples=40, deadline=None)
@given(bus=buses(), read_logs=st.booleans())
def test_a_trace_is_what_the_bus_has_delivered(bus: Bus, read_logs: bool) -> None:
    """GIVEN any workers, and what befell events in them WHEN a root is traced THEN each delivery is there once with its
    fate, down to the last event of which anybody has a record."""
    bus.publish(EVENTS[0], ROOT, ROOT)
    searched = search(bus, read_logs=read_logs)
    roots = searched.find(ROOT, EVENTS[0])
    manifests = {name: place.manifest for name, place in bus.topology.workers.items()}
    found = trace(roots, searched.evidence, manifests)

    told = [(branch.worker, node.event_id, branch.reason.fate.value) for node, branch in found.branches()]
    assert len(told) == len(set(told))
    # Of an event that left neither record nor line only its publisher's line tells, and not its name.
    seen = {record.event_id for record in bus.items.values()} | {ROOT}
    assert {each for each in told if each[1] in seen} == {each for each in bus.truth if each[1] in seen}
    if not read_logs:
        assert {event_id for _, event_id, _ in told} <= seen


def order_bus() -> Bus:
    manifests = {
        "audit": manifest("*", via="bus"),
        "billing": manifest("shop.orders/OrderPlaced", publishes=["shop.billing/InvoiceIssued"]),
        "inventory": manifest("shop.orders/OrderPlaced"),
        "loyalty": manifest("shop.billing/InvoiceIssued"),
        "notifications": manifest("shop.orders/OrderPlaced"),
    }
    bus = Bus(topology(manifests), {}, {"billing": ["shop.billing/InvoiceIssued"]})
    bus.publish("shop.orders/OrderPlaced", ROOT, ROOT)
    return bus


def test_an_order_takes_few_calls() -> None:
    """GIVEN an order that four workers had, and its follow-up that two had WHEN it is traced by its id alone THEN three
    calls find all of it."""
    bus = order_bus()
    searched = search(bus, read_logs=False)

    assert searched.find(ROOT) == [ROOT]
    assert sum(map(len, searched.evidence.records.values())) == 6
    assert bus.calls <= 3


def test_a_follow_up_leads_to_its_root() -> None:
    """GIVEN the id of a follow-up WHEN traced THEN its line names the correlation, whose root is the tree's; without
    logs the tree begins with the follow-up."""
    bus = order_bus()
    [child] = {record.event_id for record in bus.items.values() if record.worker == "loyalty"}

    assert search(bus, read_logs=True).find(child) == [ROOT]
    assert search(bus, read_logs=False).find(child) == [child]


def test_a_correlation_of_another_kind_is_found_in_logs() -> None:
    """GIVEN events of a correlation that is no event's id WHEN it is traced THEN its root is the event that no other
    caused."""
    bus = order_bus()
    bus.log.clear()
    bus.items.clear()
    bus.publish("shop.orders/OrderPlaced", ROOT, "order:o-1997-0042")

    assert search(bus, read_logs=True).find("order:o-1997-0042") == [ROOT]
    with pytest.raises(NotFoundError, match="no worker has a record of it"):
        search(bus, read_logs=False).find("order:o-1997-0042")


def test_what_nobody_knows_is_not_found() -> None:
    """GIVEN an id that nobody has heard of WHEN traced THEN it is not found; with its event's name each subscriber has
    its reason."""
    bus = order_bus()
    with pytest.raises(NotFoundError, match="--event") as caught:
        search(bus, read_logs=True).find("nobody")
    assert caught.value.exit_code == 3

    searched = search(bus, read_logs=True)
    searched.know(envelope("shop.orders/OrderPlaced", "nobody", "nobody"))
    roots = searched.find("nobody", "shop.orders/OrderPlaced")
    manifests = {name: place.manifest for name, place in bus.topology.workers.items()}
    fates = {branch.worker: branch.reason.fate for _, branch in trace(roots, searched.evidence, manifests).branches()}
    assert fates == dict.fromkeys(["audit", "billing", "inventory", "notifications"], Fate.LOST)


def test_records_by_the_datas_fields_are_found_when_the_data_are_given() -> None:
    """GIVEN a worker that tells events by a field of theirs WHEN traced THEN its record is found if the data are at
    hand, else nothing is said of a loss."""
    place = manifest("shop.orders/OrderPlaced", idempotency={"key": ["order_id"]})
    bus = Bus(topology({"billing": place}), {})
    known = envelope("shop.orders/OrderPlaced", ROOT, ROOT, order_id="o-1")

    searched = search(bus, read_logs=False)
    searched.find(ROOT, "shop.orders/OrderPlaced")
    [(_, branch)] = trace([ROOT], searched.evidence, {"billing": place}).branches()
    assert branch.reason.fate is Fate.NOT_TOLD

    bus.publish("shop.orders/OrderPlaced", ROOT, ROOT)
    [record] = bus.items.values()
    key = event_key("billing", known, [("order_id",)])
    bus.items = {key: replace(record, key=key)}
    searched = search(bus, read_logs=False)
    searched.know(known)
    searched.find(ROOT)
    [(_, branch)] = trace([ROOT], searched.evidence, {"billing": place}).branches()
    assert branch.reason.fate is Fate.HANDLED


def test_a_gather_is_told_with_its_parts_and_its_end() -> None:
    """GIVEN an event that was scattered into twelve parts, and gathered WHEN traced THEN all parts and the gathered
    event are beneath it, and how far the gather is."""
    parts = ["shop.r/Part"] * 12
    workers = {
        "report": manifest("shop.r/Asked", publishes=["shop.r/Part", "shop.r/Done"], gathers=True),
        "chunks": manifest("shop.r/Part"),
        "mail": manifest("shop.r/Done"),
    }

    class Gathering(Bus):
        def gathers(self, table: str, ids: Iterable[str]) -> list[GatherState]:
            wanted = set(ids)
            return [each for each in kept if each.gather_id in wanted]

    bus = Gathering(topology(workers), {}, {"report": parts})
    bus.publish("shop.r/Asked", ROOT, ROOT)
    key = next(key for key, record in bus.items.items() if record.worker == "report")
    gather = GatherState(
        gather_id=derived_id(key, "gather/0"), into="shop.r/Done", total=12, done=12, due_at=NOW, closed=True
    )
    kept = [gather]
    bus.publish("shop.r/Done", of_gather(gather)[0], ROOT)

    searched = search(bus, read_logs=False)
    [root] = trace(
        searched.find(ROOT), searched.evidence, {n: p.manifest for n, p in bus.topology.workers.items()}
    ).roots
    [report] = root.branches
    assert report.gathers == [gather]
    assert sorted(child.event for child in report.children) == ["shop.r/Done", *parts]


def letter(known: Envelope, **attributes: str) -> DeadLetter:
    """A message of a dead-letter queue with the event."""
    body = {"source": known.source, "detail-type": known.name, "detail": json.loads(known.detail())}
    values = {name: {"StringValue": value} for name, value in attributes.items()}
    message = {"MessageId": "m", "ReceiptHandle": "r", "Body": json.dumps(body), "MessageAttributes": values}
    return read(message, max_receives=3)


def test_dead_letters_give_the_cause_and_the_data() -> None:
    """GIVEN an event in one worker's DLQ, that another filters out by its data, and that no topic could be given WHEN
    traced THEN the causes are the letters', and the filter is judged by the data that they hold."""
    where = [{"event": "shop.orders/OrderPlaced", "where": {"total": [{"numeric": [">", 25]}]}}]
    workers = {
        "inventory": manifest("shop.orders/OrderPlaced"),
        "loyalty": manifest("shop.orders/OrderPlaced").model_validate({"description": "d", "subscribes": where}),
        "mail": manifest("shop.orders/OrderPlaced"),
    }
    event = "shop.orders/OrderPlaced"
    bus = Bus(
        topology(workers), {(event, "inventory"): Fate.DEAD, (event, "loyalty"): Fate.LOST, (event, "mail"): Fate.LOST}
    )
    bus.publish(event, ROOT, ROOT)
    known = envelope(event, ROOT, ROOT, total=20)
    rejected = letter(known, error_type="Reject", error_message="no stock", worker="inventory", error_at="handler.py:3")
    bus.dead_letters = {
        "fanout-test-inventory-dlq": [rejected, letter(replace(known, metadata=replace(known.metadata, event_id="x")))],
        "fanout-test-shop-orders-undelivered": [letter(known, RULE_ARN="r", ERROR_CODE="NO_PERMISSIONS")],
    }
    searched = search(bus, read_logs=False)
    found = trace(searched.find(ROOT), searched.evidence, workers)

    told = {branch.worker: (branch.reason.fate, branch.reason.text) for _, branch in found.branches()}
    assert told["inventory"] == (Fate.DEAD, "Reject: no stock (handler.py:3)")
    assert told["mail"] == (Fate.UNDELIVERED, "NO_PERMISSIONS")
    assert told["loyalty"] == (Fate.FILTERED, "detail.data.total is 20; wanted a number > 25")
