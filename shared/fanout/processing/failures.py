"""What the log line of a record that failed says beside its message."""

from __future__ import annotations

import os
import traceback
from typing import Any

from fanout.events.trace import trace_id
from fanout.processing.delivery import Delivery

__all__ = ["failure_fields"]

_LIBRARIES = (
    f"{os.path.dirname(os.path.dirname(__file__))}/",
    "/site-packages/",
    "/lib/python3.",
    "/opt/python/",
    "/var/runtime/",
)


def failure_fields(delivery: Delivery) -> dict[str, Any]:
    """outcome, error_type, error_at (file:line in the worker's own code) and trace_id, as far as they are known."""
    envelope = delivery.envelope
    fields = {
        "outcome": delivery.outcome,
        "tries": delivery.tries,
        "error_type": None if delivery.cause is None else type(delivery.cause).__name__,
        "error_at": None if delivery.cause is None else _place(delivery.cause),
        "trace_id": trace_id(envelope.metadata.traceparent) if envelope is not None else None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _place(error: BaseException) -> str | None:
    """The innermost line of the worker's own code in the traceback; of any code, where none is the worker's."""
    frames = list(traceback.walk_tb(error.__traceback__))
    if not frames:
        return None
    own = [frame for frame in frames if not any(part in frame[0].f_code.co_filename for part in _LIBRARIES)]
    frame, line = (own or frames)[-1]
    return f"{'/'.join(frame.f_code.co_filename.split('/')[-2:])}:{line}"
