"""What becomes of the canaries in a batch: a line in the log. Imported only when there are any."""

from __future__ import annotations

import time
from collections.abc import Sequence

from fanout import telemetry
from fanout.errors import CanaryError
from fanout.processing.delivery import Record
from fanout.processing.handlers import Handlers

__all__ = ["tell"]


def tell(worker: str, handlers: Handlers, canaries: Sequence[tuple[Record, CanaryError]]) -> None:
    """Write one line for each, from which ``fanout canary`` learns how far it came and how long that took."""
    for record, canary in canaries:
        telemetry.emit_fields(
            canary=canary.identity,
            worker=worker,
            event=canary.event,
            has_handler=handlers.batch is not None or canary.event in handlers.by_event,
            sent_ms=record.sent_ms or None,
            first_received_ms=record.first_received_ms or None,
            told_ms=int(time.time() * 1000),
            receives=record.receive_count,
        )
