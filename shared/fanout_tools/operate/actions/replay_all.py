"""Give all workers the events of a time once more, each behind its own fence.

EventBridge replays to the rules that feed workers, and to no other: what waits as unmatched, goes to other buses or
APIs, starts workflows or is tailed is left alone. It does so by itself and at its own speed, and goes on when a laptop
dies. Each worker's idempotency store keeps what it has handled from a second effect, for as long as it remembers it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fanout_tools.declarations.worker import Via
from fanout_tools.operate.actions.carrying import Result
from fanout_tools.operate.actions.replay import ENDED, POLL_S, ReplayError, start
from fanout_tools.operate.actions.replay import KIND as REPLAY
from fanout_tools.operate.actions.replay_span import Span, refusal
from fanout_tools.operate.journal import Head, Journal, Status
from fanout_tools.operate.topology import Topology

__all__ = ["ALL", "KIND", "Reach", "ReplayAll"]

KIND = "replay-all"
ALL = "*"
"""In the journal, in place of a worker."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Whom a replay to all reaches."""

    workers: tuple[str, ...]
    rules: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {"workers": list(self.workers), "rules": list(self.rules)}


@dataclass(frozen=True)
class ReplayAll:
    """
    :ivar clock: seconds since 1970; with ``sleep``, tests give their own.
    """

    topology: Topology
    events: Any = field(repr=False)
    journal: Journal
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    def reach(self) -> Reach:
        """All workers with a queue on the bus, and the rules that feed them."""
        names, rules = self.topology.names, set[str]()
        for worker in self.topology.workers.values():
            for subscription in worker.manifest.subscribes:
                if worker.manifest.via is Via.TOPIC:
                    rules.add(names.topic_rule(subscription.event.partition("/")[0]))
                else:
                    rules.add(names.worker_rule(worker.name, subscription.event))
        fed = sorted(it.name for it in self.topology.workers.values() if it.manifest.subscribes)
        return Reach(tuple(fed), tuple(sorted(rules)))

    def refusals(self, span: Span, *, beyond_fence: bool) -> list[str]:
        """Why the span may not be replayed; one line where all have the same reason."""
        now, fed = self.clock(), self.reach().workers
        found = (refusal(self.topology.workers[it], span, now, beyond_fence=beyond_fence) for it in fed)
        return list(dict.fromkeys(reason for reason in found if reason))

    def run(self, head: Head) -> None:
        """Replay, and wait until EventBridge has ended. What breaks the wait off cancels the replay.

        :raises ReplayError: EventBridge has failed, or somebody has cancelled it.
        """
        self.journal.open(head)
        self._carry(head)

    def resume(self, head: Head) -> Result:
        """The same for a replay whose process has died: EventBridge has gone on, or never begun.

        :raises ReplayError: EventBridge has failed, or somebody has cancelled it: a replay begins once.
        """
        self.journal.take(head.operation)
        self._carry(head)
        return Result()

    def _carry(self, head: Head) -> None:
        name = self.topology.names.temporary(REPLAY, head.operation)
        try:
            start(self.events, self.topology, name, head, head.plan["rules"])
            state = self._await(head, name)
        except BaseException:
            self._cancel(name)
            self.journal.close(head.operation, Status.STOPPED)
            raise
        if state["State"] != "COMPLETED":
            self.journal.close(head.operation, Status.STOPPED)
            why = state.get("StateReason") or "no reason given"
            raise ReplayError(
                f"replay {name}: {state['State'].lower()}: {why}; begin a new one with `fanout replay --all`: what "
                "workers have handled is left out"
            )
        self.journal.close(head.operation, Status.FINISHED)

    def _await(self, head: Head, name: str) -> dict[str, Any]:
        while True:
            state: dict[str, Any] = self.events.describe_replay(ReplayName=name)
            if state["State"] in ENDED:
                return state
            self.journal.keep(head.operation)
            self.sleep(POLL_S)

    def _cancel(self, name: str) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self.events.cancel_replay(ReplayName=name)
        except (BotoCoreError, ClientError):  # it has not begun, has ended, or goes on: what broke it off is told
            return
