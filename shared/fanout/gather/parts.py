"""Let the handler of a part tell its gather what became of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

import orjson

from fanout.gather.reports import Reference
from fanout.gather.state import Part
from fanout.processing.context import Context

__all__ = ["report_lost", "reporting"]

log = logging.getLogger(__name__)

MAX_ERROR = 1_000
"""Characters of a failure that the gather keeps."""

Handler = Callable[[Any, Context], Any]


def reporting(handler: Handler, gives_up: Callable[[Exception, Context], bool]) -> Handler:
    """The handler, whose return is its part's result. An event that was not scattered is handled all the same; nobody
    waits for its result.

    :param gives_up: whether an exception is the part's failure, because its record is not handled again.
    """
    if iscoroutinefunction(handler):
        return _asynchronous(handler, gives_up)

    @wraps(handler)
    def report(event: Any, context: Context) -> Any:
        reference = _reference(context)
        try:
            result = handler(event, context)
            return result if reference is None else _succeeded(context, reference, result)
        except Exception as error:
            if reference is not None and gives_up(error, context):
                _failed(context, reference, error)
            raise

    return report


def _asynchronous(handler: Handler, gives_up: Callable[[Exception, Context], bool]) -> Handler:
    @wraps(handler)
    async def report(event: Any, context: Context) -> Any:
        import asyncio

        reference = _reference(context)
        try:
            result = await handler(event, context)
            return result if reference is None else await asyncio.to_thread(_succeeded, context, reference, result)
        except Exception as error:
            if reference is not None and gives_up(error, context):
                await asyncio.to_thread(_failed, context, reference, error)
            raise

    return report


def _reference(context: Context) -> Reference | None:
    """Which part the event is; None when it was not scattered.

    :raises Reject: before the handler runs, when its result could not be reported.
    """
    if context.gathers is None or context.metadata.gather is None:
        return None
    reference = context.gathers.reference(context.metadata.gather)
    context.reports = True
    return reference


def _succeeded(context: Context, reference: Reference, result: Any) -> None:
    assert context.gathers is not None
    context.gathers.report(Part(index=reference.index, result=_storable(result, reference)), reference, context)


def _failed(context: Context, reference: Reference, error: BaseException) -> None:
    assert context.gathers is not None
    context.gathers.report(Part(index=reference.index, error=_text(error)), reference, context)
    context.delivery.part_failed = True


def report_lost(contexts: Iterable[Context]) -> None:
    """Tell their gathers of parts that are in the DLQ and whose handlers had no occasion to: their process died, their
    time was up, or they ended the program. What cannot be told is missing at the gather's deadline."""
    for context in contexts:
        try:
            reference = _reference(context)
            if reference is not None:
                _failed(context, reference, context.delivery.cause or TimeoutError("no cause was told"))
        except Exception:
            log.exception("a gather was not told that a part failed", extra=context.delivery.log_fields())


def _storable(result: Any, reference: Reference) -> Any:
    """The result as JSON gives it back; None when JSON cannot hold it, for the effect is there and another try would
    return the same."""
    try:
        return orjson.loads(orjson.dumps(result))
    except orjson.JSONEncodeError as error:
        fields = {"gather_id": reference.gather_id, "part": reference.index}
        log.warning("the result of a part is kept as null: %s", error, extra=fields)
        return None


def _text(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # noqa: BLE001  a failure of the text must not hide the failure
        text = "(its text cannot be read)"
    return f"{type(error).__name__}: {text}"[:MAX_ERROR].encode(errors="replace").decode()
