"""The saga of services/fulfilment: what is done is undone in the reverse order, whatever fails."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from fanout import Reject, Retry
from fanout_tools.proof.workflows import functions, problems
from scripts.paths import REPOSITORY
from tests.unit.terraform.states import Run, StateError

FOLDER = REPOSITORY / "services" / "fulfilment"
DECLARED = yaml.safe_load((FOLDER / "workflow.yaml").read_text(encoding="utf-8"))
FORWARD = ["inventory reserve", "billing charge", "notifications confirm", "inventory pick"]
UNDONE_BY = {"inventory reserve": "inventory release", "billing charge": "billing refund"}


@pytest.fixture(scope="module")
def machine() -> dict[str, Any]:
    """The definition, as templatefile makes it, with each worker's name for its function."""
    names = {**{worker: worker for worker in DECLARED["workers"]}, "partition": "aws", "timeout_s": "3600"}
    text = (FOLDER / "workflow.asl.json").read_text(encoding="utf-8")
    made: dict[str, Any] = json.loads(re.sub(r"\$\{(\w+)\}", lambda found: names[found[1]], text))
    return made


def event(lines: int = 1) -> dict[str, Any]:
    order = {"order_id": "o-1", "lines": [{"sku": f"cd-{n}", "quantity": 1} for n in range(lines)]}
    return {"detail": {"metadata": {"event_id": "e-1"}, "data": {"order": order}}}


class Workers:
    """Answer as functions would; some steps raise."""

    def __init__(self, raising: dict[str, list[Exception]] | None = None) -> None:
        self.calls: list[str] = []
        self.payloads: list[Any] = []
        self._raising = raising or {}

    def __call__(self, worker: str, payload: Any) -> None:
        call = f"{worker} {payload['step']}"
        self.calls.append(call)
        self.payloads.append(payload)
        if left := self._raising.get(call):
            raise left.pop(0)

    @property
    def each(self) -> list[str]:
        """The calls, each once, in the order of the first."""
        return list(dict.fromkeys(self.calls))


def test_it_holds_together(machine: dict[str, Any]) -> None:
    """GIVEN the definition THEN every state is reached, every task is tried again and caught, and it invokes just the
    workers that it declares."""
    assert list(problems(machine)) == []
    assert {worker for _, worker in functions(machine)} == set(DECLARED["workers"])


def test_an_order_is_fulfilled(machine: dict[str, Any]) -> None:
    """GIVEN an order of two lines WHEN all is well THEN each step is done, and nothing undone."""
    workers = Workers()
    run = Run(workers)

    run.execute(machine, event(lines=2))

    assert workers.calls == [*FORWARD[:1] * 2, *FORWARD[1:], FORWARD[3]]
    assert run.path[-1] == "Fulfilled"


@pytest.mark.parametrize("step", ["reserve", "pick", "release"])
def test_each_line_is_named_to_the_warehouse(machine: dict[str, Any], step: str) -> None:
    """GIVEN an order of two lines WHEN a step goes over its lines THEN it is told the order, which line, and what."""
    workers = Workers({"inventory pick": [Reject("no")]} if step == "release" else {})

    Run(workers).execute(machine, event(lines=2))

    told = [it for it in workers.payloads if it["step"] == step]
    assert [(it["order_id"], it["index"], it["line"]["sku"]) for it in told] == [("o-1", 0, "cd-0"), ("o-1", 1, "cd-1")]


@pytest.mark.parametrize("failing", FORWARD)
def test_what_was_done_is_undone_in_reverse(machine: dict[str, Any], failing: str) -> None:
    """GIVEN a step that is rejected WHEN it fails THEN every step up to it, itself too, is undone last first, the
    customer is told, and the execution is none that failed."""
    workers = Workers({failing: [Reject("no")]})
    run = Run(workers)

    output = run.execute(machine, event())

    done = FORWARD[: FORWARD.index(failing) + 1]
    undone = [UNDONE_BY[step] for step in reversed(done) if step in UNDONE_BY]
    assert workers.calls == [*done, *undone, "notifications regret"]
    assert run.path[-1] == "Undone"
    assert output["failure"] == {"Error": "Reject"}


@pytest.mark.parametrize("busy", [*FORWARD, *UNDONE_BY.values(), "notifications regret"])
def test_a_step_that_is_busy_is_tried_again(machine: dict[str, Any], busy: str) -> None:
    """GIVEN a step that asks to be tried again WHEN it then succeeds THEN the saga goes on as if nothing had been."""
    raising: dict[str, list[Exception]] = {busy: [Retry(), Retry()]}
    if busy not in FORWARD:
        raising["inventory pick"] = [Reject("no")]
    workers = Workers(raising)
    run = Run(workers)

    run.execute(machine, event())

    assert workers.calls.count(busy) == 3
    assert run.path[-1] == ("Fulfilled" if busy in FORWARD else "Undone")


@pytest.mark.parametrize("stuck", [*UNDONE_BY.values(), "notifications regret"])
def test_a_compensation_that_fails_for_good_fails_the_execution(machine: dict[str, Any], stuck: str) -> None:
    """GIVEN a compensation that never succeeds WHEN its tries are over THEN the execution fails, which rings."""
    workers = Workers({"inventory pick": [Reject("no")], stuck: [RuntimeError()] * 99})

    with pytest.raises(StateError, match="NotUndone"):
        Run(workers).execute(machine, event())

    assert workers.calls.count(stuck) == 11
    assert workers.each[-1] == stuck


def test_an_order_too_large_for_an_event_fails_at_once(machine: dict[str, Any]) -> None:
    """GIVEN an event whose data are in the bucket of claims WHEN it starts the workflow THEN that fails: it rings."""
    claimed = {"detail": {"metadata": {"claim": {"bucket": "b"}}, "data": {}}}
    workers = Workers()

    with pytest.raises(StateError, match="TooLarge"):
        Run(workers).execute(machine, claimed)

    assert workers.calls == []
