"""Records are read by key, however many, from tables of which some may not be there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanout.errors import FanoutError
from fanout.events.event import Event
from fanout.idempotency.items import batch_mark
from fanout.outbox import put
from fanout.publish import wrap
from fanout_tools.operate.evidence import RecordState
from fanout_tools.operate.sources.records import MAX_KEYS, Probe, Records

NOW = 1_000_000.0
TTL = 1_000


class Invoiced(Event, source="shop.records", version=1):
    number: int


class NoSuchTableError(Exception):
    pass


class Exceptions:
    ResourceNotFoundException = NoSuchTableError


class Tables:
    """DynamoDB, as far as BatchGetItem goes: it gives at most so many items a call."""

    exceptions = Exceptions

    def __init__(self, tables: dict[str, list[dict[str, Any]]], at_most: int = MAX_KEYS) -> None:
        self.tables = tables
        self.at_most = at_most

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        wanted = [(table, key) for table, asked in RequestItems.items() for key in asked["Keys"]]
        assert 1 <= len(wanted) <= MAX_KEYS
        assert all(asked["ConsistentRead"] for asked in RequestItems.values())
        if missing := RequestItems.keys() - self.tables.keys():
            raise NoSuchTableError(missing)
        found: dict[str, Any] = {table: [] for table in RequestItems}
        for table, key in wanted[: self.at_most]:
            found[table] += [item for item in self.tables[table] if key.items() <= item.items()]
        later: dict[str, Any] = {}
        for table, key in wanted[self.at_most :]:
            later.setdefault(table, {"Keys": [], "ConsistentRead": True})["Keys"].append(key)
        return {"Responses": found, "UnprocessedKeys": later}


def records(tables: Tables, clock: Iterator[float] | None = None) -> Records:
    fake: Any = tables
    return Records(fake, clock=(lambda: next(clock)) if clock else lambda: NOW, sleep=lambda _: None)


def item(key: str, **attributes: str | int) -> dict[str, Any]:
    values = {name: {"N": str(value)} if isinstance(value, int) else {"S": value} for name, value in attributes.items()}
    return {"id": {"S": key}, **values}


def probe(key: str, table: str = "t") -> Probe:
    return Probe(table, "w", "shop.records/Invoiced", "e", key, TTL)


def test_each_state_is_told() -> None:
    """GIVEN a record of each kind WHEN read THEN its state is told, and when it was completed; a batch that was
    recorded in one item is completed."""
    held, died = int(NOW * 1000) + 5_000, int(NOW * 1000) - 5_000
    pending = orjson.dumps([wrap(Invoiced(number=1), event_id="child").pack()]).decode()
    items = [
        item("done", status="COMPLETED", expiration=int(NOW) + 400, pending=pending, tries=2),
        item("held", status="INPROGRESS", in_progress_expiration=held, owner="r-1"),
        item("died", status="INPROGRESS", in_progress_expiration=died),
        item("released", status="RELEASED", in_progress_expiration=0, tries=0),
        item("claimed", status="INPROGRESS", in_progress_expiration=died, batch="b-1", expiration=1),
        item("not-claimed", status="INPROGRESS", in_progress_expiration=died, batch="b-2", expiration=1),
        item(batch_mark("b-1"), status="COMPLETED", expiration=int(NOW) + 300),
    ]
    keys = ["done", "held", "died", "released", "claimed", "not-claimed", "missing"]
    found = {each.key: each for each in records(Tables({"t": items})).records([probe(key) for key in keys])}

    assert {key: each.state for key, each in found.items()} == {
        "done": RecordState.COMPLETED,
        "held": RecordState.HELD,
        "died": RecordState.DIED,
        "released": RecordState.RELEASED,
        "claimed": RecordState.COMPLETED,
        "not-claimed": RecordState.DIED,
    }
    assert (found["done"].completed_at, found["claimed"].completed_at) == (NOW + 400 - TTL, NOW + 300 - TTL)
    assert [each.metadata.event_id for each in found["done"].pending] == ["child"]
    assert (found["held"].owner, found["held"].locked_until) == ("r-1", NOW + 5)
    assert found["released"].tries == 0


@given(
    there=st.sets(st.tuples(st.sampled_from("abc"), st.integers(0, 150))),
    asked=st.sets(st.tuples(st.sampled_from("abcxy"), st.integers(0, 150))),
    at_most=st.integers(1, MAX_KEYS),
)
def test_all_that_is_there_is_found(there: set[tuple[str, int]], asked: set[tuple[str, int]], at_most: int) -> None:
    """GIVEN three tables, and a DynamoDB that leaves some keys for a further call WHEN any keys are asked for, of
    tables that are not there too THEN just those that are there are found."""
    tables = {name: [item(str(n), status="COMPLETED") for each, n in there if each == name] for name in "abc"}
    found = records(Tables(tables, at_most)).records([probe(str(number), table) for table, number in asked])

    assert sorted(int(each.key) for each in found) == sorted(number for _, number in there & asked)


def test_throttling_that_does_not_end_is_an_error() -> None:
    """GIVEN a DynamoDB that gives nothing WHEN asked THEN after a while the error names the table."""
    clock = iter(range(0, 10_000, 5))
    with pytest.raises(FanoutError, match="t: DynamoDB throttles"):
        records(Tables({"t": []}, at_most=0), iter(map(float, clock))).records([probe("k")])


def test_a_gather_is_read() -> None:
    """GIVEN a gather of three parts, two of which are done WHEN read THEN it says so."""
    kept = {
        "gather_id": {"S": "g"}, "item": {"S": "gather"}, "into": {"S": "shop.r/Done"}, "total": {"N": "3"},
        "due_at": {"N": "5.5"}, "compensates": {"BOOL": True}, "done": {"NS": ["0", "2"]},
    }  # fmt: skip
    [gather] = records(Tables({"g": [kept]})).gathers("g", ["f", "g"])

    assert (gather.into, gather.total, gather.done, gather.due_at) == ("shop.r/Done", 3, 2, 5.5)
    assert (gather.closed, gather.compensates) == (False, True)


def test_the_outbox_tells_what_is_published() -> None:
    """GIVEN an event that waits in the outbox, one that was published, and an item of somebody else's WHEN looked for
    THEN the two are told apart, and the third is left out."""

    def written(event_id: str, **more: Any) -> dict[str, Any]:
        put_item = put(wrap(Invoiced(number=1), event_id=event_id), partition="p", table="t")["Put"]["Item"]
        return {**put_item, **more}

    other = {"partition": {"S": "p"}, "event_id": {"S": "shop.records/Invoiced#c"}, "event": {"S": "text"}}
    table = [written("a"), written("b", relayed_at={"S": "2026"}), other]
    keys: Sequence[tuple[str, str, str]] = [("p", "shop.records/Invoiced", each) for each in "abcd"]
    found = records(Tables({"t": table})).outbox("t", keys)

    assert {event_id: each.relayed for event_id, each in found.items()} == {"a": False, "b": True}
