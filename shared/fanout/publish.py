"""Put events on the bus: validated, in full batches, concurrently, and each one answered for."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from fanout.envelope import Envelope, Metadata
from fanout.errors import PublishError
from fanout.event import Event
from fanout.trace import new_traceparent

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

__all__ = ["Publisher", "Receipt", "seal"]

MAX_ENTRIES = 10
"""Of one PutEvents call (https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html)."""

MAX_BYTES = 255 * 1024
"""Of one event, and of one call together: SNS's 256 KiB, the smallest limit on the way, less what EventBridge adds
to an event (id, time, account, region)."""

MAX_ATTEMPTS = 5
BACKOFF_BASE_S = 0.1
BACKOFF_CAP_S = 5.0

PERMANENT = frozenset(
    {
        "AccessDeniedException",
        "InvalidArgument",
        "MalformedDetail",
        "NotAuthorizedForSourceException",
        "ValidationException",
    }
)
"""Error codes of an entry, or a call, that no repetition mends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of one event."""

    envelope: Envelope
    attempts: int
    error: str | None = None
    """``<code>: <message>`` of the last attempt; None when the bus took the event."""

    @property
    def accepted(self) -> bool:
        return self.error is None


def seal(
    event: Event,
    *,
    event_id: str | None = None,
    subject: str | None = None,
    correlation_id: str | None = None,
    causation_id: str | None = None,
    traceparent: str | None = None,
    expires_at: datetime | None = None,
    gather: str | None = None,
    now: datetime | None = None,
) -> Envelope:
    """Put an event into its envelope. Without a ``correlation_id`` it is the root of a correlation, without an
    ``event_id`` it gets a random one."""
    identity = event_id or str(uuid4())
    metadata = Metadata(
        event_id=identity,
        schema_version=event.contract.version,
        correlation_id=correlation_id or identity,
        causation_id=causation_id,
        subject=subject,
        traceparent=traceparent or new_traceparent(),
        published_at=_iso(now or datetime.now(UTC)),
        expires_at=_iso(expires_at) if expires_at else None,
        gather=gather,
    )
    return Envelope(source=event.contract.source, name=event.contract.name, metadata=metadata, data=event.to_data())


class Publisher:
    """Publishes to one bus over the connections of one client. Safe to share between threads.

    :param concurrency: PutEvents calls under way at once.
    :param sleep: how to wait between attempts; tests give their own.
    """

    def __init__(
        self,
        client: EventBridgeClient,
        bus: str,
        *,
        concurrency: int = 8,
        sleep: Callable[[float], None] = time.sleep,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._client = client
        self._bus = bus
        self._concurrency = concurrency
        self._sleep = sleep
        self._uniform = uniform

    def publish(self, event: Event | Envelope) -> Receipt:
        """Publish one event.

        :raises PublishError: the bus did not take it.
        """
        receipt = next(self.publish_all([event]))
        if not receipt.accepted:
            raise PublishError(f"{receipt.envelope.identifier} {receipt.envelope.metadata.event_id}: {receipt.error}")
        return receipt

    def publish_all(self, events: Iterable[Event | Envelope]) -> Iterator[Receipt]:
        """A receipt for each event, in order. Takes from ``events`` no more than it has calls under way for, so that
        a generator of any length is published in constant memory. Nothing is published before the first receipt is
        asked for."""
        envelopes = (event if isinstance(event, Envelope) else seal(event) for event in events)
        batches = _batches(envelopes, self._bus)
        with ThreadPoolExecutor(self._concurrency, thread_name_prefix="publish") as pool:
            under_way: deque[Future[list[Receipt]]] = deque()
            for batch in batches:
                under_way.append(pool.submit(self._send, batch))
                if len(under_way) > self._concurrency:
                    yield from under_way.popleft().result()
            while under_way:
                yield from under_way.popleft().result()

    def _send(self, batch: Sequence[_Entry]) -> list[Receipt]:
        """Send one batch; then again what failed of it, until nothing did or the attempts are used up."""
        errors: dict[int, str | None] = {}
        attempts = dict.fromkeys(range(len(batch)), 0)
        pending = [index for index, entry in enumerate(batch) if entry.unfit is None]
        errors |= {index: entry.unfit for index, entry in enumerate(batch) if entry.unfit is not None}
        for attempt in range(1, MAX_ATTEMPTS + 1):
            answers = self._put([batch[index].request for index in pending])
            for index, error in zip(pending, answers, strict=True):
                attempts[index], errors[index] = attempt, error and f"{error[0]}: {error[1]}"
            pending = [
                index
                for index, error in zip(pending, answers, strict=True)
                if error is not None and error[0] not in PERMANENT
            ]
            if not pending or attempt == MAX_ATTEMPTS:
                break
            self._sleep(self._uniform(0, min(BACKOFF_CAP_S, BACKOFF_BASE_S * 2**attempt)))
        return [
            Receipt(envelope=entry.envelope, attempts=attempts[index], error=errors[index])
            for index, entry in enumerate(batch)
        ]

    def _put(self, entries: Sequence[PutEventsRequestEntryTypeDef]) -> list[tuple[str, str] | None]:
        """Each entry's error, or None. What befalls the call as a whole befalls each entry."""
        from botocore.exceptions import BotoCoreError, ClientError

        if not entries:
            return []
        try:
            response = self._client.put_events(Entries=entries)
        except ClientError as error:
            return [(error.response["Error"]["Code"], error.response["Error"]["Message"])] * len(entries)
        except BotoCoreError as error:
            return [(type(error).__name__, str(error))] * len(entries)
        return [
            (entry["ErrorCode"], entry.get("ErrorMessage", "")) if entry.get("ErrorCode") else None
            for entry in response["Entries"]
        ]


@dataclass(frozen=True, slots=True)
class _Entry:
    envelope: Envelope
    request: PutEventsRequestEntryTypeDef
    size: int
    unfit: str | None
    """Why it cannot be sent at all."""


def _entry(envelope: Envelope, bus: str) -> _Entry:
    unfit = None
    try:
        detail = envelope.detail()
    except TypeError as error:  # a number over 64 bits, for instance: this event's fault, and no other's
        detail, unfit = "", f"NotJson: {error}"
    # AWS's formula: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html#eb-putevent-size
    size = len(envelope.source.encode()) + len(envelope.name.encode()) + len(detail.encode())
    request: PutEventsRequestEntryTypeDef = {
        "EventBusName": bus,
        "Source": envelope.source,
        "DetailType": envelope.name,
        "Detail": detail,
    }
    if size > MAX_BYTES:
        unfit = f"TooLarge: {size} bytes; SNS carries at most {MAX_BYTES}"
    return _Entry(envelope, request, size, unfit)


def _batches(envelopes: Iterable[Envelope], bus: str) -> Iterator[list[_Entry]]:
    batch: list[_Entry] = []
    size = 0
    for envelope in envelopes:
        entry = _entry(envelope, bus)
        if batch and (len(batch) == MAX_ENTRIES or size + entry.size > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += entry.size
    if batch:
        yield batch


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
