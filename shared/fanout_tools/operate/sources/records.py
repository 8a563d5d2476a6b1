"""What DynamoDB knows of events: the workers' idempotency records, their gathers, and the outbox.

All by key, of many workers in one call: the keys follow from worker and event, so that nothing is searched for.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from fanout.errors import EventError, FanoutError
from fanout.events.envelope import Envelope
from fanout.idempotency.items import COMPLETED, RELEASED, batch_mark
from fanout.outbox.items import Written as OutboxItem
from fanout_tools.operate.evidence import GatherState, Record, RecordState, Written

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

__all__ = ["Probe", "Records", "RecordsError"]

MAX_KEYS = 100
"""Of one BatchGetItem
(https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html)."""

AT_ONCE = 8
PATIENCE_S = 20.0
BACKOFF_S = 0.05

Item = Mapping[str, Any]
Key = tuple[str, tuple[tuple[str, str], ...]]
"""A table, and the attributes of a key in it."""


class RecordsError(FanoutError):
    """DynamoDB did not give some items, for all the asking."""


class Probe(NamedTuple):
    """A place where a record may be."""

    table: str
    worker: str
    event: str
    event_id: str
    key: str
    ttl_s: int


class Records:
    """
    :ivar calls: how many were made.
    """

    def __init__(
        self,
        dynamodb: DynamoDBClient,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._dynamodb = dynamodb
        self._clock = clock
        self._sleep = sleep
        self.calls = 0

    def records(self, probes: Sequence[Probe]) -> list[Record]:
        """Those that are there."""
        items = self._read((probe.table, (("id", probe.key),)) for probe in probes)
        found = [(probe, item) for probe in probes if (item := items.get((probe.table, (("id", probe.key),))))]
        marks = self._marks(found)
        return [_record(probe, item, marks.get(_mark_of(probe, item)), self._clock()) for probe, item in found]

    def _marks(self, found: Iterable[tuple[Probe, Item]]) -> Mapping[Key, Item]:
        """Of the batches that were recorded in one item."""
        open_ones = [(p, item) for p, item in found if _text(item, "batch") and _text(item, "status") != COMPLETED]
        return self._read(_mark_of(probe, item) for probe, item in open_ones)

    def gathers(self, table: str, ids: Iterable[str]) -> list[GatherState]:
        """Those that are there."""
        items = self._read((table, (("gather_id", each), ("item", "gather"))) for each in ids)
        return [_gather(item) for item in items.values()]

    def outbox(self, table: str, keys: Iterable[tuple[str, str, str]]) -> dict[str, Written]:
        """Events in the outbox, by their ids.

        :param keys: partition, ``<source>/<Name>`` and event id of each that may be there.
        """
        items = self._read(
            (table, (("partition", partition), ("event_id", f"{event}#{event_id}")))
            for partition, event, event_id in keys
        )
        found = {}
        for item in items.values():
            written = OutboxItem.from_item(item)
            try:
                envelope = written.envelope
            except EventError:
                continue  # somebody else has written the item
            refused = _text(item, "refused") or None
            found[written.published_id] = Written(envelope=envelope, relayed="relayed_at" in item, refused=refused)
        return found

    def _read(self, keys: Iterable[Key]) -> dict[Key, Item]:
        wanted = list(dict.fromkeys(keys))
        chunks = [wanted[start : start + MAX_KEYS] for start in range(0, len(wanted), MAX_KEYS)]
        if not chunks:
            return {}
        with ThreadPoolExecutor(min(AT_ONCE, len(chunks))) as pool:
            return {key: item for found in pool.map(self._read_chunk, chunks) for key, item in found.items()}

    def _read_chunk(self, keys: Sequence[Key]) -> dict[Key, Item]:
        names = sorted({key[0] for key in keys})
        try:
            return dict(self._read_all(keys))
        except self._dynamodb.exceptions.ResourceNotFoundException:
            # One of the tables is not there: its worker has never been deployed, or remembers nothing.
            if len(names) == 1:
                return {}
            halves = names[: len(names) // 2], names[len(names) // 2 :]
            parts = [self._read_chunk([key for key in keys if key[0] in half]) for half in halves]
            return {key: item for part in parts for key, item in part.items()}

    def _read_all(self, keys: Sequence[Key]) -> Iterator[tuple[Key, Item]]:
        wanted: Any = {}
        for table, attributes in keys:
            of_table = wanted.setdefault(table, {"Keys": [], "ConsistentRead": True})
            of_table["Keys"].append({name: {"S": value} for name, value in attributes})
        names = {key[0]: [name for name, _ in key[1]] for key in keys}
        until, attempt = self._clock() + PATIENCE_S, 0
        while wanted:
            self.calls += 1
            answer = self._dynamodb.batch_get_item(RequestItems=wanted)
            for table, items in answer["Responses"].items():
                for item in items:
                    yield (table, tuple((name, item[name]["S"]) for name in names[table])), item
            wanted = answer.get("UnprocessedKeys") or {}
            if wanted:
                attempt += 1
                if self._clock() > until:
                    raise RecordsError(f"{', '.join(sorted(wanted))}: DynamoDB throttles; ask again later")
                self._sleep(random.uniform(0, min(2.0, BACKOFF_S * 2.0**attempt)))


def _record(probe: Probe, item: Item, mark: Item | None, now: float) -> Record:
    until = float(item.get("in_progress_expiration", {}).get("N", 0)) / 1000
    status = _text(item, "status")
    state = RecordState.HELD if until > now else RecordState.DIED
    completed_at = None
    if mark is not None or status == COMPLETED:
        state = RecordState.COMPLETED
        expiration = (mark or item).get("expiration", {}).get("N")
        completed_at = None if expiration is None else float(expiration) - probe.ttl_s
    elif status == RELEASED:
        state = RecordState.RELEASED
    return Record(
        worker=probe.worker,
        event=probe.event,
        event_id=probe.event_id,
        key=probe.key,
        state=state,
        tries=int(item.get("tries", {}).get("N", 1)),
        owner=_text(item, "owner"),
        locked_until=until,
        completed_at=completed_at,
        pending=tuple(Envelope.unpack(each) for each in orjson.loads(_text(item, "pending") or b"[]")),
    )


def _mark_of(probe: Probe, item: Item) -> Key:
    return (probe.table, (("id", batch_mark(_text(item, "batch"))),))


def _gather(item: Item) -> GatherState:
    return GatherState(
        gather_id=_text(item, "gather_id"),
        into=_text(item, "into"),
        total=int(item["total"]["N"]),
        done=len(item.get("done", {}).get("NS", ())),
        due_at=float(item["due_at"]["N"]),
        closed="closed_by" in item,
        compensates=bool(item["compensates"]["BOOL"]),
    )


def _text(item: Item, name: str) -> str:
    return str(item.get(name, {}).get("S", ""))
