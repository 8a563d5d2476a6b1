"""The receiving side: a handler that also answers slices of a tree, and keep-warm pings."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

from fanout import keep_warm
from fanout.errors import describe
from fanout.events.personal import hidden, values_by_name
from fanout.invoke.calls import run
from fanout.invoke.engine import NODE_KEY, RESULTS_KEY, Budget, Tree
from fanout.outcomes import Reject
from fanout.telemetry import log_fields

__all__ = ["Step", "by_step", "tree_handler"]

MAX_TEXT = 100_000
"""Characters of an error that is told."""

RETURN_S = 0.5
"""What a node keeps of its function's time to answer in."""


def tree_handler(handler: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The Lambda handler of a function that is only invoked directly; a worker declares one by ``@worker.on_invoke``::

        handler = tree_handler(resize)

    One payload goes to ``handler(payload, context)``. A slice is invoked from here, at the version or alias that this
    was invoked by, for which the function's role needs ``lambda:InvokeFunction`` on itself.
    """

    def handle(event: Any, context: Any) -> Any:
        if isinstance(event, Mapping) and keep_warm.KEY in event:
            return keep_warm.beat(event)
        if isinstance(event, Mapping) and NODE_KEY in event:
            return _answer_slice(event[NODE_KEY], context)
        return _masked(handler, event, context)

    return handle


def _masked(handler: Callable[[Any, Any], Any], payload: Any, context: Any) -> Any:
    """Call the handler. Neither its log lines nor what it raises, which goes to its caller, into the log and into a
    workflow's history, show the values of fields that a contract marks as personal, or of what pydantic refuses."""
    personal = cache(partial(values_by_name, payload))
    with log_fields(None, personal):
        try:
            return handler(payload, context)
        except Exception as error:
            text = hidden(describe(error, MAX_TEXT), personal())
            if text == describe(error, MAX_TEXT) == _text(error):
                raise
            # By its name, which is all that Lambda tells of its type.
            shown = type(type(error).__name__, (Exception,), {})(text)
            raise shown.with_traceback(error.__traceback__) from None


def _text(error: Exception) -> str:
    try:
        return str(error) or describe(error)
    except Exception:  # noqa: BLE001 - of an error whose text fails there is nothing to hide
        return describe(error)


def _answer_slice(node: Mapping[str, Any], context: Any) -> dict[str, Any]:
    own = time.time() + context.get_remaining_time_in_millis() / 1000 - RETURN_S
    depth, invocations = int(node["depth"]), int(node["invocations"])
    budget = Budget(depth=depth, invocations=invocations, deadline=min(float(node["deadline"]), own))
    tree = Tree(threshold=int(node["threshold"]), fan_out=int(node["fan_out"]))
    concurrency = int(node["concurrency"])
    arn = context.invoked_function_arn
    results = asyncio.run(run(arn, node["payloads"], budget, qualifier=None, concurrency=concurrency, tree=tree))
    return {RESULTS_KEY: [result.to_json() for result in results]}


Step = Callable[[Mapping[str, Any]], Any]
"""A step of a workflow: a function of the payload that named it."""


def by_step(steps: Mapping[str, Step]) -> Callable[[Any, Any], Any]:
    """A function of a payload and Lambda's context that calls the step which the payload's key ``step`` names.

    It raises ``Reject`` for a payload that names none of them.
    """

    def call(payload: Any, _: Any) -> Any:
        name = payload.get("step") if isinstance(payload, Mapping) else None
        if not isinstance(name, str) or name not in steps:
            raise Reject(f"step: {name}: no such step; name one of {', '.join(sorted(steps))}")
        return steps[name](payload)

    return call
