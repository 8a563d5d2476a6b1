"""One run: ask the functions, send, watch, find out about what nobody tells of, and leave nothing behind."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from fanout_tools.canary import evidence
from fanout_tools.canary.deployed import Deployed
from fanout_tools.canary.faults import Fault, Hop, dead_fault, function_fault, lost, raised_fault
from fanout_tools.canary.functions import Answer, Readiness, ask
from fanout_tools.canary.hops import fault, missing_grant
from fanout_tools.canary.planning import Canary, Declared, Pair, Unsent, plan
from fanout_tools.canary.sending import Sending, sending
from fanout_tools.canary.watching import Sighting, watch
from fanout_tools.declarations.worker import Manifest, Via

__all__ = ["EXPIRE_S", "Result", "Verdict", "run"]

EXPIRE_S = 900
"""After which a canary that was stuck is dropped by any worker, also by one that does not know canaries."""
AT_ONCE = 16


class Verdict(StrEnum):
    """What is known of a pair."""

    DELIVERED = "ok"
    LATE = "late"
    """It is on its way: the queue has others before it, or its worker is paused or throttled."""
    FAILED = "failed"
    UNSENT = "not tried"


@dataclass(frozen=True, slots=True)
class Times:
    """How long the hops took, in milliseconds; None where the queue does not tell."""

    to_queue_ms: int | None
    """From the call until the queue had it: bus, rule, topic, subscription."""
    in_queue_ms: int | None
    """Until the mapping got it."""
    to_function_ms: int | None
    """Until the function told of it: batch window, cold start."""


@dataclass(frozen=True, slots=True)
class Result:
    """One pair, at the end of a run."""

    pair: Pair
    verdict: Verdict
    fault: Fault | None = None
    note: str = ""
    times: Times | None = None
    version: str = ""
    """Of the function."""


def run(deployed: Deployed, declared: Declared, *, limit_s: float, paused: Collection[str] = ()) -> list[Result]:
    """Every pair with what became of its canary.

    :param limit_s: for a way from end to end, beside the batch window of the worker.
    :param paused: workers whose mapping somebody has disabled for a while.
    """
    if deployed.bus_arn is None:
        missing = Fault(Hop.BUS, deployed.names.bus, "there is no such bus")
        return [Result(pair, Verdict.FAILED, missing) for pair in _pairs(declared)]
    return _Run(deployed, declared, limit_s, paused).results()


def _pairs(declared: Declared) -> Iterator[Pair]:
    for worker, manifest in declared.manifests.items():
        yield from (Pair(each.event, worker) for each in manifest.subscribes)


@dataclass(frozen=True)
class _Run:
    deployed: Deployed
    declared: Declared
    limit_s: float
    paused: Collection[str]

    def results(self) -> list[Result]:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            workers = list(self.declared.manifests)
            answers = dict(zip(workers, pool.map(lambda it: ask(self.deployed, it), workers), strict=True))
            planned = [self._allowed(each, answers) for each in self._plan()]
            canaries = {each.id: each for each in planned if isinstance(each, Canary)}
            with sending(self.deployed, list(canaries.values())) as sent:
                going = {identity: it for identity, it in canaries.items() if identity not in sent.refused}
                limits_s = {identity: self._limit_s(it) for identity, it in going.items()}
                seen = watch(self.deployed, going, limits_s, hopeless=self._hopeless)
            unseen = [it for identity, it in going.items() if identity not in seen]
            dead = self._dead(unseen)
            return list(pool.map(lambda each: self._result(each, sent, seen, dead), planned))

    def _plan(self) -> Iterator[Canary | Unsent]:
        now = datetime.now(UTC)
        return plan(
            self.declared,
            os.urandom(4).hex(),
            now,
            now + timedelta(seconds=EXPIRE_S),
            lambda bucket: self.deployed.names.bucket(bucket, self.deployed.account),
        )

    def _limit_s(self, canary: Canary) -> float:
        return self.limit_s + self.declared.manifests[canary.pair.worker].batch.window_s

    def _allowed(self, planned: Canary | Unsent, answers: Mapping[str, Answer]) -> Canary | Result:
        """The canary, unless its worker cannot take it, or it would come to a version that does not know canaries."""
        if isinstance(planned, Unsent):
            return Result(planned.pair, Verdict.UNSENT, note=planned.reason)
        own = answers[planned.pair.worker]
        if own.readiness is Readiness.THROTTLED:
            return Result(planned.pair, Verdict.LATE, note="the function is throttled")
        if own.readiness in (Readiness.BROKEN, Readiness.MISSING):
            return Result(planned.pair, Verdict.FAILED, function_fault(self.deployed, planned.pair.worker, own))
        unknown = [it for it in planned.recipients if answers[it].readiness in (Readiness.UNAWARE, Readiness.THROTTLED)]
        if unknown:
            reason = f"it would come to {', '.join(unknown)}, of which the deployed version may not know canaries"
            return Result(planned.pair, Verdict.UNSENT, note=reason)
        return planned

    def _hopeless(self, canary: Canary) -> bool:
        return fault(self.deployed, self._manifest(canary), canary) is not None

    def _manifest(self, canary: Canary) -> Manifest:
        return self.declared.manifests[canary.pair.worker]

    def _dead(self, unseen: Sequence[Canary]) -> dict[str, evidence.Dead]:
        """The unseen ones that are in a DLQ, by their ids; they are taken out of it."""
        queues = {queue for canary in unseen for queue in self._dead_letter_queues(canary)}
        dead: dict[str, evidence.Dead] = {}
        for queue in sorted(queues):
            dead |= evidence.take_from_dead_letters(self.deployed, queue)
        return dead

    def _dead_letter_queues(self, canary: Canary) -> Iterator[str]:
        names, manifest = self.deployed.names, self._manifest(canary)
        source, worker = canary.pair.event.partition("/")[0], canary.pair.worker
        if canary.bucket is not None:
            yield names.undelivered_bus_queue
        if manifest.via is Via.TOPIC:
            yield names.undelivered_queue(source)
        if manifest.queue.fifo:
            yield names.undelivered_worker_queue(worker)
        else:
            yield names.dead_letter_queue(worker)

    def _result(
        self,
        planned: Canary | Result,
        sent: Sending,
        seen: Mapping[str, Sighting],
        dead: Mapping[str, evidence.Dead],
    ) -> Result:
        if isinstance(planned, Result):
            return planned
        if planned.id in seen:
            return self._delivered(planned, sent.at_s[planned.id], seen[planned.id])
        if planned.id in sent.refused:
            hop = Hop.BUCKET if planned.bucket else Hop.BUS
            name, fix = planned.bucket or self.deployed.names.bus, "give who deploys the permission to publish"
            return Result(planned.pair, Verdict.FAILED, Fault(hop, name, sent.refused[planned.id], fix))
        return self._unseen(planned, sent.at_s[planned.id], dead.get(planned.id))

    def _delivered(self, canary: Canary, sent_s: float, sighting: Sighting) -> Result:
        times = _times(sent_s, sighting)
        if sighting.has_handler or canary.pair.event == "*":
            return Result(canary.pair, Verdict.DELIVERED, times=times, version=sighting.version)
        name = self.deployed.names.function(canary.pair.worker)
        missing = Fault(Hop.FUNCTION, name, f"has no handler of {canary.pair.event}", "write one, or do not subscribe")
        return Result(canary.pair, Verdict.FAILED, missing, times=times, version=sighting.version)

    def _unseen(self, canary: Canary, sent_s: float, dead: evidence.Dead | None) -> Result:
        """What is wrong with the way of a canary that its worker has not told of."""
        worker, manifest = canary.pair.worker, self._manifest(canary)
        found = fault(self.deployed, manifest, canary)
        if found is not None and found.hop == Hop.MAPPING and worker in self.paused:
            return Result(canary.pair, Verdict.LATE, note="the worker is paused")
        if found is None and dead is not None:
            found = missing_grant(self.deployed, manifest, canary) or dead_fault(dead)
        found = found or raised_fault(self.deployed, worker, int(sent_s * 1000))
        if found is not None:
            return Result(canary.pair, Verdict.FAILED, found)
        queue = self.deployed.names.queue(worker, fifo=manifest.queue.fifo)
        depth = evidence.depth(self.deployed, queue)
        if depth is not None and (depth.waiting or depth.in_flight):
            return Result(
                canary.pair, Verdict.LATE, note=f"{queue}: {depth.waiting} waiting, {depth.in_flight} in flight"
            )
        return Result(canary.pair, Verdict.FAILED, missing_grant(self.deployed, manifest, canary) or lost(queue))


def _times(sent_s: float, sighting: Sighting) -> Times:
    """A clock that is behind ours makes none negative."""
    sent_ms, taken, received = int(sent_s * 1000), sighting.sent_ms, sighting.first_received_ms
    return Times(
        None if taken is None else max(0, taken - sent_ms),
        None if taken is None or received is None else max(0, received - taken),
        None if received is None else max(0, sighting.told_ms - received),
    )
