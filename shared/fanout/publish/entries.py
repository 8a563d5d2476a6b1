"""From envelopes to the entries of PutEvents calls, each within every limit on its way."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fanout.events.envelope import Envelope
from fanout.events.sealing import non_finite
from fanout.payloads.store import ClaimCheck, Deposit
from fanout.publish.buses import MAX_CALL_BYTES, BusKind, Request
from fanout.publish.routes import Route

__all__ = ["Batcher", "Entry", "entry_of"]


@dataclass(slots=True)  # not frozen, which would take three times as long to make
class Entry:
    """One event, ready to be sent."""

    envelope: Envelope
    """As it was given."""
    request: Request
    size: int
    """Bytes, by AWS's formula
    (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html#eb-putevent-size)."""
    deposit: Deposit | None = None
    """What has to be in S3 before it is sent."""
    unfit: str | None = None
    """Why it cannot be sent at all."""


def entry_of(envelope: Envelope, route: Route, claim_check: ClaimCheck | None) -> Entry:
    """The entry of an event; its data by reference when they are too large for its way."""
    try:
        entry = _entry(envelope, envelope)
        # orjson writes null for NaN: what has none need not be walked through.
        if "null" in entry.request["Detail"] and (wrong := non_finite(envelope.data)):
            return _unfit(envelope, f"NotJson: {wrong}")
    except TypeError as error:  # a number over 64 bits, for instance: this event's fault, and no other's
        return _unfit(envelope, f"NotJson: {error}")
    if entry.size <= route.max_bytes:
        return entry
    too_large = f"TooLarge: {entry.size} bytes, of which {route.max_bytes} fit its way"
    if claim_check is None:
        return _unfit(envelope, f"{too_large}; give the publisher a claim check")
    if route.filtered is None:
        return _unfit(
            envelope, f"{too_large}; declare it under publishes of worker.yaml, or give the publisher its route"
        )
    deposit = claim_check.deposit(envelope)
    metadata = replace(envelope.metadata, claim=deposit.reference)
    slim = replace(envelope, metadata=metadata, data=route.keep_filtered(envelope.data))
    entry = _entry(envelope, slim, deposit)
    if entry.size > route.max_bytes:
        return _unfit(envelope, f"{too_large}; the fields that subscriptions filter by are {entry.size} alone")
    return entry


def _entry(given: Envelope, sent: Envelope, deposit: Deposit | None = None) -> Entry:
    request: Request = {"Source": sent.source, "DetailType": sent.name, "Detail": sent.detail()}
    return Entry(given, request, sum(_length(text) for text in request.values()), deposit)


def _unfit(envelope: Envelope, reason: str) -> Entry:
    return Entry(envelope, {"Source": envelope.source, "DetailType": envelope.name, "Detail": ""}, 0, unfit=reason)


def _length(text: object) -> int:
    """Bytes of UTF-8; of ASCII, which a string knows of itself, without writing them."""
    assert isinstance(text, str)
    return len(text) if text.isascii() else len(text.encode())


class Batcher:
    """Makes the fullest calls that keep the order."""

    def __init__(self, kind: BusKind) -> None:
        self._max_entries = kind.max_entries
        self._batch: list[Entry] = []
        self._size = 0

    def add(self, entry: Entry) -> list[Entry] | None:
        """The batch that is full with this entry, or before it."""
        full = self.rest() if self._size + entry.size > MAX_CALL_BYTES else None
        self._batch.append(entry)
        self._size += entry.size
        return self.rest() if len(self._batch) == self._max_entries else full

    def rest(self) -> list[Entry] | None:
        """What has been added since the last batch."""
        batch, self._batch, self._size = self._batch, [], 0
        return batch or None
