"""What a worker's idempotency store says of events: the fence that keeps a second delivery from a second effect."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from fanout.errors import EventError, FanoutError
from fanout.events.envelope import Envelope
from fanout.idempotency.items import COMPLETED, IN_PROGRESS, RELEASED, batch_mark
from fanout.idempotency.store import event_key, fingerprint, key_values
from fanout_tools.operate.topology import WorkerPlace

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

__all__ = ["UNKNOWN", "Fence", "FenceError", "Known", "State"]

KEYS_A_CALL = 100
"""Of BatchGetItem (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html)."""
_READ = ("id", "owner", "status", "expiration", "in_progress_expiration", "validation", "tries", "batch")
"""Neither what a handler returned nor the events that wait to be published: who may see numbers may see these."""

PATIENCE_S = 20.0
BACKOFF_S, LONGEST_PAUSE_S = 0.05, 2.0
"""Between two calls for what DynamoDB had no capacity for."""

Item = Mapping[str, "AttributeValueTypeDef"]


class FenceError(FanoutError):
    """The store did not give some records, for all the asking."""


class State(StrEnum):
    """Of an event, in one worker's store."""

    ABSENT = "absent"
    """Never tried, or forgotten."""
    RELEASED = "released"
    """Tried, and given back."""
    DIED = "died"
    """An execution held it until its lock expired, and has not said what became of it."""
    HELD = "held"
    """An execution holds it now."""
    COMPLETED = "completed"
    """Handled: another delivery has no effect."""
    UNKNOWN = "unknown"
    """The worker remembers nothing, or the event has no key."""


class Known(NamedTuple):
    """What the store knows of one event."""

    state: State
    owner: str = ""
    """The delivery in the execution that wrote the record last."""
    tries: int = 0
    """How often its handler has begun since the record began."""
    locked_until: float = 0.0
    """Of a lock, in seconds since 1970."""
    data: str = ""
    """The fingerprint of the event's data."""
    key: str = ""

    def differs(self, envelope: Envelope, paths: Sequence[tuple[str, ...]] = ()) -> bool:
        """Whether the store has been shown other data under the event's key: the worker would refuse these."""
        if not self.data:
            return False
        values = key_values(envelope.data, paths) if paths else None
        return self.data != fingerprint(envelope.data if values is None else values)


UNKNOWN = Known(State.UNKNOWN)


@dataclass(frozen=True)
class Fence:
    """
    :ivar clock: seconds since 1970; with ``sleep``, tests give their own.
    """

    client: DynamoDBClient = field(repr=False)
    worker: WorkerPlace
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    @property
    def paths(self) -> list[tuple[str, ...]]:
        """The key fields that ``worker.yaml`` names."""
        return [tuple(path.split(".")) for path in self.worker.manifest.idempotency.key]

    def key(self, envelope: Envelope) -> str | None:
        """Of the event in the store; None: it has none, and the worker would reject it."""
        try:
            return event_key(self.worker.name, envelope, self.paths)
        except EventError:
            return None

    def look(self, envelopes: Iterable[Envelope]) -> list[Known]:
        """What is known of each event, in order; read consistently.

        :raises FenceError: DynamoDB throttles.
        """
        keys = [self.key(envelope) for envelope in envelopes]
        if self.worker.records_table is None:
            return [UNKNOWN] * len(keys)
        items = self._items(sorted({key for key in keys if key}))
        batches = {_mark(item) for item in items.values() if _text(item, "status") == IN_PROGRESS and _mark(item)}
        marks = self._items(sorted(batches)) if batches else {}
        return [UNKNOWN if key is None else self._known(key, items.get(key), marks) for key in keys]

    def free(self, known: Known) -> bool:
        """Let an event that was left locked by a process that died begin anew, with all its tries.

        Else a worker that has tried it as often as it may sends it to the DLQ once more, without a try. Whether it was
        as it was looked at: a record that anybody has written since is left alone.
        """
        from botocore.exceptions import ClientError

        names = ("status", "owner", "tries", "shared", "in_progress_expiration")
        try:
            self.client.update_item(
                TableName=self.worker.records_table or "",
                Key={"id": {"S": known.key}},
                UpdateExpression="SET #status = :released, #tries = :none, #shared = :none, "
                "#in_progress_expiration = :none",
                ConditionExpression="#owner = :owner AND #status = :locked AND #in_progress_expiration < :now",
                ExpressionAttributeNames={f"#{name}": name for name in names},
                ExpressionAttributeValues={
                    ":released": {"S": RELEASED},
                    ":none": {"N": "0"},
                    ":owner": {"S": known.owner},
                    ":locked": {"S": IN_PROGRESS},
                    ":now": {"N": str(int(self.clock() * 1000))},
                },
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def forget(self, known: Known) -> bool:
        """Take away the record of an event that has been handled, so that another delivery has its effect once more.

        Whether it was as it was looked at: a record that anybody has written since is left alone.
        """
        from botocore.exceptions import ClientError

        try:
            self.client.delete_item(
                TableName=self.worker.records_table or "",
                Key={"id": {"S": known.key}},
                # In claim mode a record stays locked, and what completes it is the mark of its batch.
                ConditionExpression="#owner = :owner AND (#status = :completed OR #status = :locked)",
                ExpressionAttributeNames={"#owner": "owner", "#status": "status"},
                ExpressionAttributeValues={
                    ":owner": {"S": known.owner},
                    ":completed": {"S": COMPLETED},
                    ":locked": {"S": IN_PROGRESS},
                },
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def _known(self, key: str, item: Item | None, marks: Mapping[str, Item]) -> Known:
        if item is None or float(item.get("expiration", {}).get("N", "inf")) <= self.clock():
            return Known(State.ABSENT, key=key)
        locked_until = float(item.get("in_progress_expiration", {}).get("N", 0)) / 1000
        return Known(
            self._state(item, locked_until, marks),
            _text(item, "owner"),
            int(item.get("tries", {}).get("N", 0)),
            locked_until,
            _text(item, "validation"),
            key,
        )

    def _state(self, item: Item, locked_until: float, marks: Mapping[str, Item]) -> State:
        status = _text(item, "status")
        if status == COMPLETED or (status == IN_PROGRESS and _mark(item) in marks):
            return State.COMPLETED
        if status == RELEASED:
            return State.RELEASED
        return State.HELD if locked_until > self.clock() else State.DIED

    def _items(self, keys: Sequence[str]) -> dict[str, Item]:
        found = (self._read(keys[start : start + KEYS_A_CALL]) for start in range(0, len(keys), KEYS_A_CALL))
        return {_text(item, "id"): item for items in found for item in items}

    def _read(self, keys: Sequence[str]) -> Iterator[Item]:
        table = self.worker.records_table or ""
        wanted: Any = {
            table: {
                "Keys": [{"id": {"S": key}} for key in keys],
                "ConsistentRead": True,
                "ProjectionExpression": ", ".join(f"#{name}" for name in _READ),
                "ExpressionAttributeNames": {f"#{name}": name for name in _READ},
            }
        }
        until, attempt = self.clock() + PATIENCE_S, 0
        while wanted:  # what DynamoDB had no capacity for comes back as unprocessed
            response = self.client.batch_get_item(RequestItems=wanted)
            yield from response["Responses"].get(table, ())
            wanted = response.get("UnprocessedKeys")
            if wanted:
                attempt += 1
                if self.clock() > until:
                    raise FenceError(f"{table}: DynamoDB throttles; ask again later")
                self.sleep(random.uniform(0, min(LONGEST_PAUSE_S, BACKOFF_S * 2.0**attempt)))


def _mark(item: Item) -> str:
    """The key of the mark of the batch that the event was locked with: in claim mode its being there completes it."""
    batch = _text(item, "batch")
    return batch_mark(batch) if batch else ""


def _text(item: Item, name: str) -> str:
    return str(item.get(name, {}).get("S", ""))
