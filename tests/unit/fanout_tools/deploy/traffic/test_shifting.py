"""Traffic goes over step by step, and back when an alarm rings or the shift is cut short: in virtual time."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanout_tools.deploy.traffic import Alias, LambdaAliases, Shift, Strategy, TrafficError, Worker

STEPS = Strategy(steps=(10, 50), step_s=300)


def worker(name: str = "billing", version: str = "4") -> Worker:
    return Worker(name=name, function=f"f-{name}", alias="live", version=version, live="3", alarms=(f"{name}-errors",))


@dataclass
class World:
    """Aliases and alarms of an account whose time is virtual."""

    aliases: dict[str, Alias]
    now: float = 0.0
    rings: dict[str, tuple[float, float]] = field(default_factory=dict)
    """From when until when each alarm rings."""
    cut_at: float | None = None
    """When somebody interrupts."""
    refused: set[str] = field(default_factory=set)
    """Workers whose alias takes no change."""
    history: list[tuple[float, str, Mapping[str, float]]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    @classmethod
    def at(cls, version: str, *names: str) -> World:
        return cls({name: Alias(version=version, revision="r0", weights={}) for name in names or ("billing",)})

    def get(self, worker: Worker) -> Alias:
        return self.aliases[worker.name]

    def lead(self, worker: Worker, seen: Alias, version: str, weights: Mapping[str, float]) -> Alias:
        if worker.name in self.refused or seen.revision != self.aliases[worker.name].revision:
            raise TrafficError(f"{worker.name}: somebody else moves the alias")
        revision = f"r{int(seen.revision[1:]) + 1}"
        self.aliases[worker.name] = Alias(version=version, revision=revision, weights=dict(weights))
        self.history.append((self.now, version, dict(weights)))
        return self.aliases[worker.name]

    def ringing(self, names: Collection[str]) -> set[str]:
        return {name for name in names if name in self.rings and self.rings[name][0] <= self.now < self.rings[name][1]}

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.cut_at is not None and self.now >= self.cut_at:
            raise KeyboardInterrupt

    def shift(self, *workers: Worker, strategy: Strategy = STEPS) -> None:
        Shift(
            strategy=strategy,
            aliases=cast("LambdaAliases", self),
            ringing=self.ringing,
            tell=self.told.append,
            monotonic=self.monotonic,
            sleep=self.sleep,
        ).run(workers or [worker()])

    def leads(self, name: str = "billing") -> tuple[str, Mapping[str, float]]:
        return self.aliases[name].version, self.aliases[name].weights


def test_traffic_goes_over_in_steps() -> None:
    """GIVEN steps of 10 and 50 % WHEN all is well THEN each stays its time, and then the new version has all."""
    world = World.at("3")

    world.shift()

    assert world.history == [(0, "3", {"4": 0.1}), (300, "3", {"4": 0.5}), (600, "4", {})]


def test_without_steps_all_goes_at_once() -> None:
    """GIVEN no steps WHEN shifted THEN no time passes, and no alarm is asked."""
    world = World.at("3")
    world.rings["billing-errors"] = (0, 9999)

    world.shift(strategy=Strategy())

    assert world.history == [(0, "4", {})]


def test_what_leads_to_its_version_is_left_alone() -> None:
    """GIVEN an alias on the newest version, as after the first deployment WHEN shifted THEN nothing happens."""
    world = World.at("4")

    world.shift()

    assert (world.history, world.now, world.told) == ([], 0, [])


@pytest.mark.parametrize(("begins", "seen"), [(20, 30), (299, 300), (450, 450)])
def test_an_alarm_sets_back(begins: float, seen: float) -> None:
    """GIVEN a shift WHEN an alarm of the worker rings THEN the old version has all again at the next look."""
    world = World.at("3")
    world.rings["billing-errors"] = (begins, 9999)

    with pytest.raises(TrafficError, match=r"billing: version 4: billing-errors rings; version 3 has all"):
        world.shift()

    assert world.leads() == ("3", {})
    assert (world.history[-1], world.now) == ((seen, "3", {}), seen)


def test_one_that_is_set_back_does_not_hold_up_the_others() -> None:
    """GIVEN two workers WHEN an alarm of one rings THEN the other's traffic goes over all the same."""
    world = World.at("3", "billing", "loyalty")
    world.rings["loyalty-errors"] = (100, 9999)

    with pytest.raises(TrafficError, match="loyalty"):
        world.shift(worker("billing"), worker("loyalty"))

    assert (world.leads("billing"), world.leads("loyalty")) == (("4", {}), ("3", {}))


def test_an_alarm_that_rang_before_does_not_refuse_its_fix() -> None:
    """GIVEN an alarm that rings already WHEN the fix is shifted THEN it goes over, and the alarm is named."""
    world = World.at("3")
    world.rings["billing-errors"] = (-1, 9999)

    world.shift()

    assert world.leads() == ("4", {})
    assert any("billing-errors rings already" in line for line in world.told)


def test_an_alarm_that_rings_anew_counts() -> None:
    """GIVEN an alarm that rang before and has stopped WHEN it rings again THEN it speaks against the new version."""
    world = World.at("3")
    world.rings["billing-errors"] = (-1, 60)
    again = iter([False] * 6 + [True] * 99)
    ringing, world.ringing = world.ringing, lambda names: set(names) if next(again) else ringing(names)  # type: ignore[method-assign]

    with pytest.raises(TrafficError):
        world.shift()

    assert world.leads() == ("3", {})


def test_an_interrupted_shift_is_set_back() -> None:
    """GIVEN a shift at 50 % WHEN somebody presses Ctrl-C THEN the old version has all, and the interrupt goes on."""
    world = World.at("3")
    world.cut_at = 400

    with pytest.raises(KeyboardInterrupt):
        world.shift()

    assert world.leads() == ("3", {})
    assert any("interrupted" in line for line in world.told)


def test_what_a_killed_shift_has_left_is_taken_up() -> None:
    """GIVEN an alias between two versions WHEN shifted THEN it begins from the first step."""
    world = World({"billing": Alias(version="3", revision="r0", weights={"4": 0.5})})

    world.shift(worker(version="5"))

    assert world.history == [(0, "3", {"5": 0.1}), (300, "3", {"5": 0.5}), (600, "5", {})]


def test_a_share_that_leads_nowhere_new_is_removed() -> None:
    """GIVEN an alias on the newest version with a share left over WHEN shifted THEN the share is gone."""
    world = World({"billing": Alias(version="4", revision="r0", weights={"3": 0.5})})

    world.shift()

    assert world.leads() == ("4", {})


def test_who_moves_the_same_alias_is_seen() -> None:
    """GIVEN an alias that takes no change WHEN shifted THEN that worker fails by name, and the others go over."""
    world = World.at("3", "billing", "loyalty")
    world.refused = {"loyalty"}

    with pytest.raises(TrafficError, match="loyalty: version 4: loyalty: somebody else moves the alias"):
        world.shift(worker("billing"), worker("loyalty"))

    assert (world.leads("billing"), world.leads("loyalty")) == (("4", {}), ("3", {}))


def test_what_cannot_be_set_back_says_so() -> None:
    """GIVEN an alias that takes no change any more WHEN an alarm rings THEN the error says where to look."""
    world = World.at("3")
    world.rings["billing-errors"] = (30, 9999)
    sleep = world.sleep

    def sleep_and_refuse(seconds: float) -> None:
        world.refused.add("billing")
        sleep(seconds)

    world.sleep = sleep_and_refuse  # type: ignore[method-assign]

    with pytest.raises(TrafficError, match="could not be set back"):
        world.shift()


@given(
    rings=st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(1, 900)),
    cut_at=st.none() | st.integers(1, 900),
    steps=st.lists(st.integers(1, 99), unique=True, max_size=4).map(sorted),
)
def test_no_alias_is_left_between_two_versions(rings: dict[str, int], cut_at: int | None, steps: list[int]) -> None:
    """GIVEN alarms and an interrupt at any time WHEN shifted THEN each alias leads to the old or the new version
    alone, and to the old one where its alarm was seen before the end."""
    world = World.at("3", "a", "b", "c")
    world.rings = {f"{name}-errors": (begins, 9999) for name, begins in rings.items()}
    world.cut_at = cut_at
    with contextlib.suppress(TrafficError, KeyboardInterrupt):
        world.shift(*map(worker, "abc"), strategy=Strategy(steps=tuple(steps), step_s=150))

    end = 150 * len(steps)
    for name in "abc":
        version, weights = world.leads(name)
        assert weights == {}
        lost = rings.get(name, 9999) <= end or (cut_at is not None and cut_at <= end)
        assert version == ("3" if lost else "4")
