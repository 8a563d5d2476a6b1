"""Each operation is also an event on the bus, so that a worker that keeps every event keeps what people have changed.

``fanout.ops/OperationStarted`` and ``fanout.ops/OperationFinished`` say who, what and why; no payload, and counts in
place of ids. They are a product's own, beside the project's contracts: a worker gets them that subscribes to ``*``, and
the rules for events without a worker leave them out. The journal is what counts: a bus that takes no event makes no
operation fail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from fanout.events.envelope import Envelope, Metadata, new_traceparent

__all__ = ["SOURCE", "Announcer", "envelope_of"]

SOURCE: Final = "fanout.ops"
VERSION: Final = 1


def envelope_of(name: str, operation: str, data: Mapping[str, Any], now: datetime) -> Envelope:
    """The event; all of one operation are one correlation."""
    identity = str(uuid4())
    metadata = Metadata(
        event_id=identity,
        schema_version=VERSION,
        correlation_id=operation,
        subject=operation,
        traceparent=new_traceparent(identity, operation),
        published_at=now.isoformat(timespec="milliseconds"),
    )
    told = {"operation": operation, **{key: _short(value) for key, value in data.items()}}
    return Envelope(source=SOURCE, name=name, metadata=metadata, data=told)


def _short(value: Any) -> Any:
    """How many, of what may be thousands."""
    return len(value) if isinstance(value, dict | list | tuple) else value


@dataclass(frozen=True)
class Announcer:
    """
    :ivar events: makes EventBridge's client, when there is something to say.
    :ivar bus: its name.
    :ivar complain: is told why the bus has not taken an event.
    """

    events: Callable[[], Any] = field(repr=False)
    bus: str
    complain: Callable[[str], None]

    def __call__(self, name: str, operation: str, data: Mapping[str, Any]) -> None:
        """Put one event on the bus, or complain."""
        from botocore.exceptions import BotoCoreError, ClientError

        event = envelope_of(name, operation, data, datetime.now(UTC))
        entry = {"Source": SOURCE, "DetailType": name, "Detail": event.detail(), "EventBusName": self.bus}
        try:
            [answer] = self.events().put_events(Entries=[entry])["Entries"]
        except (BotoCoreError, ClientError) as error:
            self.complain(f"{SOURCE}/{name} of {operation} is in the journal alone: {error}")
            return
        if answer.get("ErrorCode"):
            why = f"{answer['ErrorCode']}: {answer.get('ErrorMessage', '')}"
            self.complain(f"{SOURCE}/{name} of {operation} is in the journal alone: {why}")
