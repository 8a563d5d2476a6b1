"""What a doctor says of a deployment: one finding for each check, with the fix."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from fanout_tools.declarations.worker import DLQ_RETENTION_DAYS, IdempotencyMode
from fanout_tools.operate.sources.depths import Depth
from fanout_tools.operate.sources.functions import Mapped
from fanout_tools.operate.topology import Topology, WorkerPlace

__all__ = ["Finding", "State", "Symptoms", "examine"]

DAY_S: Final = 86_400
SKEW_S: Final = 5.0
REFUSED_SKEW_S: Final = 300.0
"""AWS refuses what was signed 5 minutes off; some services 15
(https://docs.aws.amazon.com/IAM/latest/UserGuide/signing-elements.html)."""
NEAR: Final = 0.75
"""Of its retention a message has waited: soon SQS deletes it."""


class State(StrEnum):
    """How a check ended."""

    WELL = "ok"
    WARNING = "warning"
    ILL = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """What one check says."""

    check: str
    state: State
    said: str
    fix: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"check": self.check, "state": str(self.state), "said": self.said, "fix": self.fix}


@dataclass(frozen=True, kw_only=True)
class Symptoms:
    """What was measured of a deployment; None: it could not be."""

    caller: str | None
    """The ARN of whoever asks."""
    skew_s: float | None
    """This machine's clock less AWS's."""
    now: float
    depths: Mapping[str, Depth | None]
    mapped: Mapping[str, Mapped | None]
    ages_s: Mapping[str, float] | None
    """Of the oldest message, by queue."""
    leftovers: Sequence[str] | None
    """Temporary things of commands that did not end."""
    subscribers: int | None
    """Of the alarms' topic: those who have confirmed."""
    unconfirmed: int = 0
    runtimes: Mapping[str, str] = field(default_factory=dict)
    """Of functions, by worker."""
    built_for: str | None = None
    """The runtime that `fanout build` makes packages for; None: the emulator runs them by its own."""


def examine(topology: Topology, seen: Symptoms) -> list[Finding]:
    """Every check; one that found nothing says so."""
    workers = list(topology.workers.values())
    checks: list[tuple[str, Iterable[Finding], str]] = [
        ("deployed", _deployed(workers, seen), f"all of {len(workers)} workers; `fanout plan` tells what would change"),
        ("paused", _paused(workers, seen), "no worker is paused for longer than a day"),
        ("expiry", _expiry(workers, seen), "no message is near the end of its retention"),
        ("claim", _claims(workers, seen), "no worker with idempotency.mode claim has dead letters"),
        ("leftovers", _leftovers(seen), "nothing is left of tails, replays and tunings"),
        ("alarms", _alarms(topology, seen), "somebody is told of alarms"),
        ("versions", _versions(seen), "functions run what their packages are built for"),
    ]
    found = [_caller(seen), _clock(seen)]
    for name, findings, well in checks:
        listed = list(findings)
        found += listed or [Finding(name, State.WELL, well)]
    return found


def _caller(seen: Symptoms) -> Finding:
    if seen.caller is None:
        fix = "set AWS_PROFILE, or log in with `aws sso login`"
        return Finding("credentials", State.ILL, "AWS does not know who asks", fix)
    return Finding("credentials", State.WELL, f"you are {seen.caller}")


def _clock(seen: Symptoms) -> Finding:
    if seen.skew_s is None:
        return Finding("clock", State.UNKNOWN, "no answer of AWS tells its time")
    if abs(seen.skew_s) < SKEW_S:
        return Finding("clock", State.WELL, f"this machine's clock is {abs(seen.skew_s):.1f} s off")
    state = State.ILL if abs(seen.skew_s) >= REFUSED_SKEW_S else State.WARNING
    return Finding("clock", state, f"this machine's clock is {seen.skew_s:+.0f} s off", "set it by NTP")


def _deployed(workers: Iterable[WorkerPlace], seen: Symptoms) -> Iterator[Finding]:
    for it in workers:
        if seen.depths.get(it.queue_url) is None:
            yield Finding("deployed", State.ILL, f"{it.name} is declared, but has no queue", "fanout deploy")
        elif seen.mapped.get(it.name) is None:
            said = f"nobody takes from {it.name}'s queue: it has no event source mapping"
            yield Finding("deployed", State.ILL, said, "fanout deploy")


def _paused(workers: Iterable[WorkerPlace], seen: Symptoms) -> Iterator[Finding]:
    for it in workers:
        mapped = seen.mapped.get(it.name)
        if mapped is None or not mapped.paused:
            continue
        if mapped.changed_at is None:
            yield Finding("paused", State.WARNING, f"{it.name} is paused, nobody knows since when", _resume(it))
        elif (since_s := seen.now - mapped.changed_at) > DAY_S:
            days = f"{it.name} is paused for {since_s / DAY_S:.1f} days; its queue forgets after {_days(it)}"
            yield Finding("paused", State.ILL, days, _resume(it))


def _resume(worker: WorkerPlace) -> str:
    return f"fanout resume {worker.name}"


def _days(worker: WorkerPlace) -> int:
    return worker.manifest.queue.retention_days


def _expiry(workers: Iterable[WorkerPlace], seen: Symptoms) -> Iterator[Finding]:
    if seen.ages_s is None:
        yield Finding("expiry", State.UNKNOWN, "an emulator does not tell the age of messages")
        return
    for it in workers:
        for queue, days in ((it.queue, _days(it)), (it.dead_letter_queue, DLQ_RETENTION_DAYS)):
            left_s = days * DAY_S - seen.ages_s.get(queue, 0.0)
            if left_s < (1 - NEAR) * days * DAY_S:
                fix = f"fanout dlq ls {it.name}" if queue == it.dead_letter_queue else f"fanout status {it.name}"
                yield Finding("expiry", State.ILL, f"SQS deletes the oldest of {queue} in {left_s / 3600:.0f} h", fix)


def _claims(workers: Iterable[WorkerPlace], seen: Symptoms) -> Iterator[Finding]:
    for it in workers:
        if it.manifest.idempotency.mode is not IdempotencyMode.CLAIM:
            continue
        depth = seen.depths.get(it.dead_letter_queue_url)
        if depth is not None and depth.held:
            said = (
                f"{it.name} has {depth.held} dead letters; with mode claim AWS's own redrive makes duplicates of them"
            )
            yield Finding("claim", State.WARNING, said, f"fanout dlq redrive {it.name}, which frees their claims first")


def _leftovers(seen: Symptoms) -> Iterator[Finding]:
    if seen.leftovers is None:
        yield Finding("leftovers", State.UNKNOWN, "queues and rules cannot be listed")
        return
    for name in seen.leftovers:
        yield Finding(
            "leftovers", State.WARNING, f"{name} is left of a command that did not end", "fanout tail --sweep"
        )


def _alarms(topology: Topology, seen: Symptoms) -> Iterator[Finding]:
    topic, fix = f"{topology.names.namespace}-alarms", "add an address to alarm_emails, and confirm its mail"
    if seen.subscribers is None:
        yield Finding("alarms", State.UNKNOWN, f"topic {topic} cannot be read")
    elif not seen.subscribers:
        waits = f"; {seen.unconfirmed} addresses have not confirmed" if seen.unconfirmed else ""
        state = State.WARNING if topology.place.endpoint else State.ILL  # an emulator writes no mail
        yield Finding("alarms", state, f"nobody is told of alarms: topic {topic} has no subscriber{waits}", fix)


def _versions(seen: Symptoms) -> Iterator[Finding]:
    for worker, runtime in seen.runtimes.items():
        if seen.built_for is not None and runtime != seen.built_for:
            said = f"{worker} runs {runtime}; packages are built for {seen.built_for}"
            yield Finding("versions", State.WARNING, said, "fanout deploy")
