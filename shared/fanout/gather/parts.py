"""Let the handler of a part tell its gather what became of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from fanout.context import Context
from fanout.errors import EventError
from fanout.gather.state import Part
from fanout.outcomes import Reject

__all__ = ["reporting"]

MAX_ERROR = 1_000
"""Characters of a failure that the gather keeps."""


def reporting(handler: Callable[[Any, Context], Any], max_receives: int) -> Callable[[Any, Context], Any]:
    """The handler, whose return is its part's result, and whose last failure is the part's. An event that was not
    scattered is handled all the same; nobody waits for its result."""

    @wraps(handler)
    def report(event: Any, context: Context) -> Any:
        try:
            result = handler(event, context)
        except Exception as error:
            if isinstance(error, Reject | EventError) or context.receive_count >= max_receives:
                _report(context, error=f"{type(error).__name__}: {error}"[:MAX_ERROR])
            raise
        return result if not _report(context, result=result) else None

    return report


def _report(context: Context, *, result: Any = None, error: str | None = None) -> bool:
    """Whether the event is a part."""
    reference = context.metadata.gather
    if reference is None or context.gathers is None:
        return False
    index = int(reference.rpartition("/")[2])
    context.gathers.report(Part(index=index, result=result, error=error), reference, context)
    return True
