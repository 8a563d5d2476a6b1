"""The steps of a workflow that a worker answers when it is invoked directly: docs/workflows.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fanout.outcomes import Reject

__all__ = ["steps"]

Step = Callable[[Mapping[str, Any]], Any]


def steps(**by_name: Step) -> Callable[[Any, Any], Any]:
    """What ``worker.invoked`` takes: a function that hands the payload to the step which its key ``step`` names::

        worker.invoked(steps(reserve=reserve_line, release=release_line))

    A step may be tried again after it was done, and be undone before it was done: it has to bear both. What it raises
    is the error's name in the workflow: ``Retry`` is tried again, ``Reject`` is not.
    """

    def answer(payload: Any, _: Any) -> Any:
        name = payload.get("step") if isinstance(payload, Mapping) else None
        if name not in by_name:
            raise Reject(f"step: {name}: no such step; name one of {', '.join(sorted(by_name))}")
        return by_name[name](payload)

    return answer
