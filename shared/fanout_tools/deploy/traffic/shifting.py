"""The shift itself, without any I/O of its own: step by step, watching the alarms, and back where one rings.

Each worker goes its own way: one that is set back does not hold up the others. Whatever ends the shift early, an
alarm, a failed call or a signal, no alias is left between two versions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from fanout_tools.deploy.traffic.model import Alias, Strategy, TrafficError, Worker

if TYPE_CHECKING:
    from fanout_tools.deploy.traffic.aws import LambdaAliases

__all__ = ["Shift"]

POLL_S: Final = 15.0
"""Between two looks at the alarms; CloudWatch evaluates them once a minute."""


@dataclass(kw_only=True)
class _Move:
    worker: Worker
    alias: Alias
    """As last seen."""
    before: str
    """The version that has the traffic until all of it is shifted."""


@dataclass(kw_only=True)
class Shift:
    """One shift of all workers whose alias does not lead to their newest version alone."""

    strategy: Strategy
    aliases: LambdaAliases
    ringing: Callable[[Collection[str]], Collection[str]]
    """Those of the named alarms that ring now."""
    tell: Callable[[str], None]
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    poll_s: float = POLL_S
    _moving: dict[str, _Move] = field(default_factory=dict)
    _known: set[str] = field(default_factory=set)
    """Alarms that rang before the shift and have not stopped: a fix must not be refused for what it fixes."""
    _failed: list[str] = field(default_factory=list)

    def run(self, workers: Collection[Worker]) -> None:
        """Give each worker's version all traffic.

        :raises TrafficError: some were set back.
        """
        for worker in workers:
            alias = self.aliases.get(worker)
            if alias.version != worker.version or alias.weights:
                self._moving[worker.name] = _Move(worker=worker, alias=alias, before=alias.version)
        try:
            self._step_through()
        finally:
            for move in list(self._moving.values()):
                self._set_back(move, "the shift was interrupted")
        if self._failed:
            raise TrafficError("\n".join(self._failed))

    def _step_through(self) -> None:
        steps = self.strategy.steps if self._moving else ()
        if steps:
            self._known = set(self._rung())
            self._tell_known()
        for percent in steps:
            self._each(lambda move, share=percent / 100: self._weigh(move, share))  # type: ignore[misc]
            self._watch(self.monotonic() + self.strategy.step_s)
        self._each(self._complete)

    def _each(self, action: Callable[[_Move], None]) -> None:
        """Do it for every worker that is still moving; one that is refused is set back alone."""
        for move in list(self._moving.values()):
            try:
                action(move)
            except TrafficError as error:
                self._set_back(move, str(error))

    def _weigh(self, move: _Move, share: float) -> None:
        worker = move.worker
        if worker.version == move.before:
            return  # nothing but a share that an earlier shift has left
        self.tell(f"{worker.name}: version {worker.version} gets {share:.0%}, version {move.before} the rest")
        move.alias = self.aliases.lead(worker, move.alias, move.before, {worker.version: share})

    def _complete(self, move: _Move) -> None:
        worker = move.worker
        self.tell(f"{worker.name}: version {worker.version} gets all, in place of version {move.before}")
        self.aliases.lead(worker, move.alias, worker.version, {})
        del self._moving[worker.name]

    def _watch(self, until: float) -> None:
        """Until then, set back each worker of which an alarm rings."""
        while True:
            rung = set(self._rung())
            self._known &= rung  # one that has stopped speaks of the new version when it rings again
            for move in list(self._moving.values()):
                if against := sorted(rung.intersection(move.worker.alarms) - self._known):
                    self._set_back(move, f"{', '.join(against)} rings")
            left = until - self.monotonic()
            if left <= 0 or not self._moving:
                return
            self.sleep(min(self.poll_s, left))

    def _rung(self) -> Collection[str]:
        return self.ringing({name for move in self._moving.values() for name in move.worker.alarms})

    def _tell_known(self) -> None:
        for name in sorted(self._known):
            self.tell(f"{name} rings already; it counts against the new version once it has stopped")

    def _set_back(self, move: _Move, why: str) -> None:
        worker = move.worker
        del self._moving[worker.name]
        try:
            # As it is now: the last call may have come through although its answer did not.
            now = self.aliases.get(worker)
            if now.version == move.before and now.weights:
                self.aliases.lead(worker, now, move.before, {})
        except TrafficError as error:
            where = f"its alias could not be set back ({error}); deploy again, or update-alias by hand"
        else:
            where = f"version {now.version} has all of its traffic"
        self._failed.append(f"{worker.name}: version {worker.version}: {why}; {where}")
        self.tell(self._failed[-1])
