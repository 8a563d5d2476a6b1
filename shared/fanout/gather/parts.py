"""Let the handler of a part tell its gather what became of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from inspect import iscoroutinefunction
from typing import Any

from fanout.context import Context
from fanout.gather.state import Part

__all__ = ["reporting"]

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
        context.reports = _is_part(context)
        try:
            result = handler(event, context)
        except Exception as error:
            if context.reports and gives_up(error, context):
                _report(context, error=_text(error))
            raise
        if not context.reports:
            return result
        return _report(context, result=result)

    return report


def _asynchronous(handler: Handler, gives_up: Callable[[Exception, Context], bool]) -> Handler:
    @wraps(handler)
    async def report(event: Any, context: Context) -> Any:
        import asyncio

        context.reports = _is_part(context)
        try:
            result = await handler(event, context)
        except Exception as error:
            if context.reports and gives_up(error, context):
                await asyncio.to_thread(partial(_report, context, error=_text(error)))
            raise
        if not context.reports:
            return result
        return await asyncio.to_thread(partial(_report, context, result=result))

    return report


def _is_part(context: Context) -> bool:
    return context.gathers is not None and context.metadata.gather is not None


def _report(context: Context, *, result: Any = None, error: str | None = None) -> None:
    reference = context.metadata.gather
    assert reference is not None
    assert context.gathers is not None
    index = int(reference.rpartition("/")[2])
    context.gathers.report(Part(index=index, result=result, error=error), reference, context)


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:MAX_ERROR]
