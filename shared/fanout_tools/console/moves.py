"""What SQS itself does with a whole dead-letter queue: the plan of ``fanout dlq redrive --server``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fanout_tools.console.console import Console
from fanout_tools.console.plans import Planned
from fanout_tools.operate.actions import move as moving
from fanout_tools.operate.actions.carrying import MOST
from fanout_tools.operate.actions.selection import Selection
from fanout_tools.operate.limits import parse_rate
from fanout_tools.operate.operating import RefusedError
from fanout_tools.operate.worker_queue import WorkerQueue

__all__ = ["move"]

DEFAULT_RATE = "100/s"


def move(console: Console, form: Mapping[str, str], address: Mapping[str, Any]) -> Planned:
    """All of a queue, by SQS, with nobody waiting."""
    queue, rate = WorkerQueue.at(console.operating, address["worker"]), form.get("rate") or DEFAULT_RATE
    per_s = max(1, min(moving.MOST_PER_S, round(parse_rate(rate))))
    _, letters = queue.chosen(Selection(), MOST)
    decided, warnings = queue.redrive_plan(letters, now=console.clock())
    if reason := moving.refusal(queue.worker, decided, queue.known(letters)):
        raise RefusedError(reason)
    command = console.command("dlq", "redrive", queue.worker.name, "--server", "--rate", rate, "--why", "…")

    def begin(why: str) -> str:
        acting = console.acting(command)
        head = acting.operator.head(
            moving.KIND, queue.worker.name, why, console.clock(),
            total=len(decided.chosen), queue=queue.queue.url, rate=rate, per_s=per_s,
        )  # fmt: skip
        console.begin(head.operation, lambda: acting.moving(queue.worker).start(head))
        return f"/o/{head.operation}"

    return Planned(
        worker=queue.worker.name,
        what=f"SQS moves all of {queue.name} to {queue.worker.queue}, at most {per_s} a second",
        count=len(decided.chosen),
        command=command,
        begin=begin,
        rows=[(kind, str(count)) for kind, count in decided.to_json()["kinds"].items()],
        warnings=[*decided.surprises, *warnings],
    )
