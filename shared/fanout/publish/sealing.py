"""An event becomes what travels: its envelope."""

from datetime import UTC, datetime
from uuid import uuid4

from fanout.envelope import Envelope, Metadata
from fanout.event import Event
from fanout.trace import new_traceparent

__all__ = ["seal"]


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
    contract = event.contract
    identity = event_id or str(uuid4())
    metadata = Metadata(
        event_id=identity,
        schema_version=contract.version,
        correlation_id=correlation_id or identity,
        causation_id=causation_id,
        subject=subject,
        traceparent=traceparent or new_traceparent(),
        published_at=_iso(now or datetime.now(UTC)),
        expires_at=_iso(expires_at) if expires_at else None,
        gather=gather,
    )
    return Envelope(source=contract.source, name=contract.name, metadata=metadata, data=event.to_data())


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
