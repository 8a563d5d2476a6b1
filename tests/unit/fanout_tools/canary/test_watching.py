"""How long is looked for a canary."""

from __future__ import annotations

from datetime import UTC, datetime

from fanout_tools.canary.planning import Canary, plan
from fanout_tools.canary.watching import watch

from .conftest import Stage


class Clock:
    """Moves on by what is slept."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def canaries(stage: Stage) -> dict[str, Canary]:
    now = datetime.now(UTC)
    return {it.id: it for it in plan(stage.declared, "0a1b", now, now, str) if isinstance(it, Canary)}


def test_each_canary_is_waited_for_as_long_as_its_limit(stage: Stage) -> None:
    """GIVEN two canaries that nobody tells of, with limits of their own WHEN watched THEN the longer one is the end."""
    clock, going = Clock(), canaries(stage)

    assert watch(stage.deployed, going, dict(zip(going, (5.0, 9.0), strict=True)), clock=clock, sleep=clock.sleep) == {}
    assert 109.0 <= clock.now < 110.0


def test_what_can_never_come_is_not_waited_for(stage: Stage) -> None:
    """GIVEN canaries whose way is broken WHEN they have not come soon THEN nobody waits for them any longer; each was
    asked about once."""
    clock, going, asked = Clock(), canaries(stage), []

    def hopeless(canary: Canary) -> bool:
        asked.append(canary.id)
        return True

    limits = dict.fromkeys(going, 60.0)
    assert watch(stage.deployed, going, limits, hopeless=hopeless, clock=clock, sleep=clock.sleep) == {}
    assert clock.now < 104.0
    assert sorted(asked) == sorted(going)
