"""An event as an item of the outbox's table.

partition   what keeps its order: the event's subject, unless told otherwise
event_id    together with it the key, so that no event is written twice: "<source>/<name>#<event_id>"
event       as EventBridge will deliver it: source, detail-type, detail
relayed_at, expiration    set by the relay; the table's TTL then removes the item
refused     set by the relay: why the bus will never take it
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import orjson

from fanout.errors import DeclarationError, EventError
from fanout.events.envelope import Envelope
from fanout.events.event import Event
from fanout.publish import wrap

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

__all__ = ["MAX_BYTES", "Written", "put"]

MAX_BYTES = 390 * 1024
"""Of an event: DynamoDB's 400 KiB for an item, less the attributes beside it
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html)."""


def put(event: Event | Envelope, *, partition: str | None = None, table: str | None = None) -> TransactWriteItemTypeDef:
    """The item of TransactWriteItems that writes the event.

    Its condition refuses an event_id that is there already: a transaction that is repeated, with the same envelope,
    is cancelled and has no second effect.

    :param partition: events of one partition are published in the order of their writing; the event's subject, or
        else the event alone.
    :param table: the table's name in AWS; from the environment unless given.
    :raises EventError: the event is too large for an item.
    :raises DeclarationError: the worker has no outbox.
    """
    envelope = event if isinstance(event, Envelope) else wrap(event)
    detail = envelope.detail()
    body = f'{{"source":{_text(envelope.source)},"detail-type":{_text(envelope.name)},"detail":{detail}}}'
    if len(body.encode()) > MAX_BYTES:
        raise EventError(
            f"{envelope.identifier}: {len(body.encode())} bytes, over the {MAX_BYTES} of an outbox item; "
            "publish it outside of the transaction, or refer to its data"
        )
    metadata = envelope.metadata
    return {
        "Put": {
            "TableName": table or _table(),
            "Item": {
                "partition": {"S": partition or metadata.subject or metadata.event_id},
                "event_id": {"S": f"{envelope.identifier}#{metadata.event_id}"},
                "event": {"S": body},
            },
            "ConditionExpression": "attribute_not_exists(event_id)",
        }
    }


@dataclass(frozen=True, slots=True)
class Written:
    """An event that was written, as the table's stream tells of it."""

    sequence_number: str
    partition: str
    event_id: str
    event: str

    @classmethod
    def from_stream(cls, record: Mapping[str, Any]) -> Self:
        """The event of an INSERT record
        (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html)."""
        changed = record["dynamodb"]
        return cls(changed["SequenceNumber"], *_texts(changed["NewImage"]))

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Self:
        """The event of the table's item."""
        return cls("", *_texts(item))

    @property
    def published_id(self) -> str:
        """The event_id that the event itself has."""
        return self.event_id.partition("#")[2] or self.event_id

    @property
    def envelope(self) -> Envelope:
        """
        :raises EventError: somebody else has written the item.
        """
        return Envelope.decode(self.event)


def _texts(item: Mapping[str, Any]) -> list[str]:
    # Whatever somebody else may have written there: its envelope is then an error, and only its own.
    return [item.get(name, {}).get("S", "") for name in ("partition", "event_id", "event")]


def _text(value: str) -> str:
    return orjson.dumps(value).decode()


def _table() -> str:
    try:
        return os.environ["FANOUT_OUTBOX_TABLE"]
    except KeyError:
        raise DeclarationError("FANOUT_OUTBOX_TABLE is not set; write outbox: true into worker.yaml") from None
