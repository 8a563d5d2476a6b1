"""The receiving side: a handler that also answers slices of a tree, and keep-warm pings."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from fanout import keep_warm
from fanout.invoke.calls import run
from fanout.invoke.engine import NODE_KEY, RESULTS_KEY, Budget, Tree
from fanout.outcomes import Reject

__all__ = ["Step", "by_step", "tree_handler"]

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
        return handler(event, context)

    return handle


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
