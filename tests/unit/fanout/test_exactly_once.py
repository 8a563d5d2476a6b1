"""What a fleet of workers promises, whatever dies, fails, stalls or comes twice: see :mod:`.fleet` for the faults.

Each machine is one way to have an effect. GIVEN workers on one queue and one store WHEN events come, once or more
often, and faults hit any step of any batch THEN no effect is lost, none is had twice that should not be, everything
that was published reaches the bus under one event_id, and every message is accounted for.
"""

from __future__ import annotations

import logging
import os
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from fanout import Worker
from fanout.events.envelope import Envelope
from fanout.publish import wrap

from .conftest import ThingHappened
from .fleet import VISIBILITY_S, Fault, Fleet

MAX_TRIES = 6

faults = st.dictionaries(st.integers(0, 9) | st.integers(0, 30), st.sampled_from(Fault), max_size=3)
"""At which points of a batch what happens; a batch of one record has about ten points."""


class ExactlyOnce(RuleBasedStateMachine):
    """The rules; the subclasses say how the effect comes about."""

    how = "commit"
    mode = "strict"

    def __init__(self) -> None:
        super().__init__()
        logging.disable(logging.CRITICAL)  # hundreds of expected failures, with their tracebacks
        self.fleet = Fleet(self.how, _worker(self.mode))
        self.events: list[Envelope] = []

    @rule(
        copies=st.integers(1, 3),
        poison=st.integers(0, 9).map(lambda n: n == 0),
        failures=st.sampled_from([0, 0, 1, 2, MAX_TRIES]),
    )
    def happen(self, copies: int, poison: bool, failures: int) -> None:
        number = len(self.events)
        self.events.append(wrap(ThingHappened(number=number)))
        if poison:
            self.fleet.poisoned.add(number)
        self.fleet.failures[number] = failures
        for _ in range(copies):
            self.fleet.send(number, self.events[number])

    @precondition(lambda self: self.events)
    @rule(which=st.integers(0))
    def come_again(self, which: int) -> None:
        number = which % len(self.events)
        self.fleet.send(number, self.events[number])

    @rule(seconds=st.sampled_from([1, 10, 31, 32, VISIBILITY_S, 2 * VISIBILITY_S]))
    def wait(self, seconds: float) -> None:
        self.fleet.now += seconds

    @precondition(lambda self: self.fleet.queue)
    @rule(worker=st.integers(0, 2), most=st.integers(1, 5), faults=faults)
    def work(self, worker: int, most: int, faults: dict[int, Fault]) -> None:
        self.fleet.work(worker, most, faults)

    @invariant()
    def no_effect_is_had_twice(self) -> None:
        doubled = {number for number, times in self.fleet.effects.items() if times > 1}
        assert doubled <= (self.fleet.repeatable if self.how == "plain" else set())

    def teardown(self) -> None:
        try:
            self._drain()
            self.no_effect_is_had_twice()
            self._nothing_is_lost()
            self._no_innocent_is_dead()
        finally:
            logging.disable(logging.NOTSET)

    def _drain(self) -> None:
        for _ in range(3 * MAX_TRIES * (len(self.fleet.queue) + 1)):
            self.fleet.now += 1_000
            self.fleet.work(0, 10, {})
        assert self.fleet.queue == []

    def _nothing_is_lost(self) -> None:
        followed = defaultdict(list)
        for envelope in self.fleet.bus:
            followed[envelope.data["number"]].append(envelope.metadata.event_id)
        for number in range(len(self.events)):
            if number in self.fleet.dead:
                continue
            assert self.fleet.effects[number], f"event {number} is neither handled nor in the DLQ"
            assert followed[number], f"what event {number} published is not on the bus"
        assert all(len(set(ids)) == 1 for ids in followed.values())
        assert all(self.fleet.effects[number] for number in followed), "published without its effect"
        assert not set(self.fleet.effects) & self.fleet.poisoned

    def _no_innocent_is_dead(self) -> None:
        for number in self.fleet.dead - self.fleet.poisoned:
            assert self.fleet.tries[number] >= MAX_TRIES, f"event {number} is in the DLQ, and had tries left"


class Committing(ExactlyOnce):
    """Effect, completion and what is to be published are one transaction: nothing doubles."""


class CommittingInClaimMode(ExactlyOnce):
    """The same, where a batch is recorded as a whole."""

    mode = "claim"


class Conditional(ExactlyOnce):
    """The effect has a condition of its own: the handler may run again, its effect not."""

    how = "conditional"


class ConditionalInClaimMode(Conditional):
    """The same, where a batch is recorded as a whole."""

    mode = "claim"


class Plain(ExactlyOnce):
    """The effect may be had again, but only where a fault hit the batch after it."""

    how = "plain"


def _worker(mode: str) -> Worker:
    declared = {
        "description": "A probe",
        "subscribes": [{"event": "test.things/ThingHappened"}],
        "queue": {"max_receives": MAX_TRIES},
        "idempotency": {"mode": mode},
    }
    with TemporaryDirectory() as folder:
        (Path(folder) / "probe").mkdir()
        (Path(folder) / "probe" / "worker.yaml").write_text(yaml.safe_dump(declared))
        return Worker(f"{folder}/probe/handler.py")


@pytest.mark.parametrize("machine", [Committing, CommittingInClaimMode, Conditional, ConditionalInClaimMode, Plain])
def test_effects_survive_whatever_happens(machine: type[ExactlyOnce]) -> None:
    """GIVEN a way to have effects WHEN anything happens to a fleet THEN its promise holds. FANOUT_FLEET_EXAMPLES looks
    longer than the default does."""
    examples = int(os.environ.get("FANOUT_FLEET_EXAMPLES", "60"))
    run_state_machine_as_test(machine, settings=settings(max_examples=examples, stateful_step_count=25))
