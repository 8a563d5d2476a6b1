"""Batches of events on their way to buses: entries within the limits of a call, calls repeated for what was not taken,
and a receipt for each event."""

from __future__ import annotations

import logging
import warnings
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, Self, TypedDict

from fanout import aws
from fanout.events.envelope import MAX_DATA_BYTES, Envelope
from fanout.events.wrap import non_finite
from fanout.payloads import ClaimCheck, Deposit
from fanout.publish.routes import Route

__all__ = [
    "CLASSIC",
    "V2",
    "AsyncReceipts",
    "Batcher",
    "BusKind",
    "Drawn",
    "Entry",
    "Fault",
    "Receipt",
    "Receipts",
    "Request",
    "Sender",
    "entry_of",
    "kind_of",
    "put",
]

log = logging.getLogger(__name__)

MAX_CALL_BYTES = 1024 * 1024
"""Of the entries of one call together
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html, 1 MB since January 2026)."""

PERMANENT = frozenset(
    {
        "AccessDeniedException",
        "ClaimRefused",
        "InvalidArgument",
        "InvalidInputException",
        "MalformedDetail",
        "NotAuthorizedForSourceException",
        "ParamValidationError",
        "ResourceNotFoundException",
        "ValidationException",
    }
)
"""Error codes of an entry, or a call, that no repetition fixes."""
MAX_ATTEMPTS = 5
BACKOFF_BASE_S = 0.1
BACKOFF_CAP_S = 5.0
CLAIM_REFUSED = frozenset({"AccessDenied", "EntityTooLarge", "InvalidBucketName", "NoSuchBucket"})
"""Error codes of S3 that no repetition changes."""
NOTHING_PUBLISHED = (
    "publish_all was called and its receipts were never iterated over: nothing was published; "
    "write `for receipt in publisher.publish_all(events)` and look at each receipt's error"
)

REST_UNPUBLISHED = (
    "the receipts of publish_all were dropped before the last: the events that had not been taken yet were not "
    "published; iterate to the end, or call close() to say that the rest is not wanted"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of one event."""

    envelope: Envelope
    """As it was given; on the bus, large data may have been replaced by their reference."""
    attempts: int
    """How often it was sent."""
    error: str | None = None
    """``<code>: <message>`` of the last attempt; None when the bus took the event."""

    permanent: bool = False
    """Whether the error is one that no repetition changes: the event itself, or what the role may do, is wrong."""

    @property
    def accepted(self) -> bool:
        """Whether the bus took the event."""
        return self.error is None

    @property
    def code(self) -> str | None:
        """Of the error."""
        return None if self.error is None else self.error.partition(":")[0]


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
    if deposit.reference.size > MAX_DATA_BYTES:
        return _unfit(envelope, f"{too_large}, and {MAX_DATA_BYTES} by reference: keep them in S3, publish their key")
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
        # Never two batches at once: one that is full by bytes leaves this entry alone in the next.
        full = self.rest() if self._size + entry.size > MAX_CALL_BYTES else None
        self._batch.append(entry)
        self._size += entry.size
        return self.rest() if len(self._batch) == self._max_entries else full

    def rest(self) -> list[Entry] | None:
        """What has been added since the last batch."""
        batch, self._batch, self._size = self._batch, [], 0
        return batch or None


@dataclass(frozen=True, slots=True)
class BusKind:
    """One of EventBridge's two kinds of buses."""

    service: Literal["events", "eventbridgev2"]
    """The client that speaks to it."""
    max_entries: int
    """Of one PutEvents call."""


CLASSIC = BusKind("events", 10)
"""https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html"""

V2 = BusKind("eventbridgev2", 100)
"""The service model of ``eventbridgev2`` in botocore: PutEventsRequestEntryList."""


class Request(TypedDict):
    """One event as both kinds take it."""

    Source: str
    DetailType: str
    Detail: str


class Fault(NamedTuple):
    """Why an entry was not taken."""

    code: str
    message: str

    @property
    def permanent(self) -> bool:
        """Whether no repetition fixes it."""
        return self.code in PERMANENT

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def kind_of(bus: str) -> BusKind:
    """What kind of bus it is; one of the second kind is only known by its ARN, the classic by name or ARN."""
    return V2 if ":event-busv2/" in bus else CLASSIC


def put(client: Any, bus: str, requests: Sequence[Request]) -> list[Fault | None]:
    """Each entry's fault, or None. What happens to the call as a whole happens to each entry."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        if kind_of(bus) is V2:
            response = client.put_events(EventBusArn=bus, Entries=requests)
        else:
            response = client.put_events(Entries=[{"EventBusName": bus, **request} for request in requests])
    except ClientError as error:
        return [Fault(error.response["Error"]["Code"], error.response["Error"]["Message"])] * len(requests)
    except BotoCoreError as error:
        return [Fault(type(error).__name__, str(error))] * len(requests)
    return [
        Fault(answer["ErrorCode"], answer.get("ErrorMessage", "")) if answer.get("ErrorCode") else None
        for answer in response["Entries"]
    ]


@dataclass(slots=True)
class _Sending:
    """An entry on its way."""

    entry: Entry
    attempts: int = 0
    fault: Fault | None = None
    deposited: bool = False

    def receipt(self) -> Receipt:
        error = self.entry.unfit or (str(self.fault) if self.fault else None)
        permanent = self.entry.unfit is not None or (self.fault is not None and self.fault.permanent)
        return Receipt(envelope=self.entry.envelope, attempts=self.attempts, error=error, permanent=permanent)


@dataclass(frozen=True)
class Sender:
    """Sends batches to one bus. Safe to share between threads."""

    client: Any
    bus: str
    claim_check: ClaimCheck | None
    sleep: Callable[[float], None]
    uniform: Callable[[float, float], float]

    def send(self, batch: Sequence[Entry]) -> list[Receipt]:
        """A receipt for each entry, in order."""
        sendings = [_Sending(entry) for entry in batch]
        pending = [sending for sending in sendings if sending.entry.unfit is None]
        for attempt in range(1, MAX_ATTEMPTS + 1):
            self._attempt(pending, attempt)
            pending = [sending for sending in pending if sending.fault and not sending.fault.permanent]
            if not pending or attempt == MAX_ATTEMPTS:
                break
            # Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
            pause_s = self.uniform(0, min(BACKOFF_CAP_S, BACKOFF_BASE_S * 2**attempt))
            left_s = aws.remaining_s()
            # No time for another attempt: the record comes again, and its events with it, under the same event_ids.
            if left_s is not None and pause_s >= left_s:
                break
            self.sleep(pause_s)
        return [sending.receipt() for sending in sendings]

    def _attempt(self, pending: Sequence[_Sending], attempt: int) -> None:
        for sending in pending:
            sending.attempts = attempt
            sending.fault = None if sending.entry.deposit is None else self._deposit(sending, sending.entry.deposit)
        ready = [sending for sending in pending if sending.fault is None]
        if ready:
            faults = put(self.client, self.bus, [sending.entry.request for sending in ready])
            for sending, fault in zip(ready, faults, strict=True):
                sending.fault = fault

    def _deposit(self, sending: _Sending, deposit: Deposit) -> Fault | None:
        """Before the event, so that no subscriber can come too early."""
        from botocore.exceptions import BotoCoreError, ClientError

        if sending.deposited or self.claim_check is None:
            return None
        try:
            self.claim_check.put(deposit)
        except ClientError as error:
            code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
            return Fault("ClaimRefused" if code in CLAIM_REFUSED else "ClaimNotStored", f"{code}: {message}")
        except BotoCoreError as error:
            return Fault("ClaimNotStored", f"{type(error).__name__}: {error}")
        sending.deposited = True
        return None


@dataclass(slots=True, eq=False)
class Drawn:
    """How far the events of a call have been taken from where they come from."""

    all: bool = False
    """Whether there are no more."""


class _Complaining:
    _begun = _ended = False
    _drawn: Drawn

    def __del__(self) -> None:
        if not self._begun:
            self._complain(NOTHING_PUBLISHED)
        elif not (self._ended or self._drawn.all):
            self._complain(REST_UNPUBLISHED)

    def _complain(self, what: str) -> None:
        log.error(what)
        warnings.warn(what, ResourceWarning, stacklevel=3, source=self)


class Receipts(_Complaining, Iterator[Receipt]):
    """Publishes while it is iterated over."""

    def __init__(self, receipts: Generator[Receipt, None, None], drawn: Drawn) -> None:
        self._receipts, self._drawn = receipts, drawn

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Receipt:
        self._begun = True
        try:
            return next(self._receipts)
        except BaseException:  # the last one, or whoever asked is told
            self._ended = True
            raise

    def close(self) -> None:
        """Take no further events; wait for the calls under way."""
        self._begun = self._ended = True
        self._receipts.close()


class AsyncReceipts(_Complaining, AsyncIterator[Receipt]):
    """Publishes while it is iterated over."""

    def __init__(self, receipts: AsyncGenerator[Receipt, None], drawn: Drawn) -> None:
        self._receipts, self._drawn = receipts, drawn

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Receipt:
        self._begun = True
        try:
            return await anext(self._receipts)
        except BaseException:  # as above
            self._ended = True
            raise

    async def aclose(self) -> None:
        """Take no further events; wait for the calls under way."""
        self._begun = self._ended = True
        await self._receipts.aclose()
