"""What is wrong with a state machine is told by the state and the fix."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fanout_tools.plans import Plan, block
from fanout_tools.proof.workflows import functions, problems, sound
from scripts.mutants.fixture import FIXTURE

TASK = {
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke",
    "Parameters": {"FunctionName": "f"},
    "TimeoutSeconds": 60,
    "Retry": [{"ErrorEquals": ["States.ALL"]}],
}
CATCH = [{"ErrorEquals": ["States.ALL"], "Next": "Failed"}]
FAILED = {"Failed": {"Type": "Fail"}}


def machine(**states: Any) -> dict[str, Any]:
    return {"StartAt": next(iter(states)), "States": {**states, **FAILED}}


def inner(**states: Any) -> dict[str, Any]:
    return {"StartAt": next(iter(states)), "States": states}


GOOD = machine(
    Each={"Type": "Map", "ItemProcessor": inner(One={**TASK, "End": True}), "Catch": CATCH, "Next": "Choose"},
    Choose={"Type": "Choice", "Choices": [{"Variable": "$.a", "IsPresent": True, "Next": "Both"}], "Default": "Done"},
    Both={"Type": "Parallel", "Branches": [inner(Two={**TASK, "End": True})], "Catch": CATCH, "Next": "Done"},
    Done={"Type": "Succeed"},
)


def test_a_good_one_has_no_problem() -> None:
    assert list(problems(GOOD)) == []
    assert list(functions(GOOD)) == [("One", "f"), ("Two", "f")]


@pytest.mark.parametrize(
    ("states", "problem"),
    [
        ({"A": {**TASK, "End": True}}, "A: nothing catches States.ALL of it"),
        ({"A": {**TASK, "Catch": [{"ErrorEquals": ["Reject"], "Next": "Failed"}], "End": True}}, "A: nothing catches"),
        ({"A": {**TASK, "Retry": [], "Catch": CATCH, "End": True}}, "A: is not tried again"),
        (
            {"A": {**TASK, "Retry": [{"ErrorEquals": ["X"], "MaxAttempts": 0}], "Catch": CATCH, "End": True}},
            "A: is not",
        ),
        ({"A": {k: v for k, v in TASK.items() if k != "TimeoutSeconds"} | {"Catch": CATCH, "End": True}}, "A: waits"),
        ({"A": {**TASK, "Catch": CATCH}}, "A: leads nowhere, or to two things"),
        ({"A": {**TASK, "Catch": CATCH, "Next": "Failed", "End": True}}, "A: leads nowhere, or to two things"),
        ({"A": {**TASK, "Catch": CATCH, "Next": "B"}}, "B: there is no such state"),
        ({"A": {"Type": "Pass", "Next": "Failed"}, "B": {"Type": "Succeed"}}, "B: is never reached"),
        (
            {"A": {"Type": "Map", "ItemProcessor": inner(I={**TASK, "End": True}), "Next": "Failed"}},
            "I: nothing catches States.ALL of it",
        ),
        (
            {"A": {"Type": "Parallel", "Branches": [inner(I={"Type": "Pass", "Next": "J"})], "Next": "Failed"}},
            "J: there is no such state",
        ),
    ],
)
def test_a_bad_one_is_told(states: dict[str, Any], problem: str) -> None:
    assert any(told.startswith(problem) for told in problems(machine(**states)))


def test_a_log_with_what_states_are_given_is_told() -> None:
    """GIVEN a workflow, which events with personal fields start WHEN its log is to have what its states are given THEN
    that is told; as it is declared it has not."""
    plan = Plan.read(json.loads((FIXTURE / "plan.json").read_text(encoding="utf-8")))
    [machine, *_] = plan.of("aws_sfn_state_machine")
    logging = {**block(machine, "logging_configuration"), "include_execution_data": True}
    found = list(sound(plan.changed(machine.having(logging_configuration=[logging]))))

    assert [(it.address, it.fix) for it in found] == [(machine.address, "set include_execution_data = false")]
    assert list(sound(plan)) == []
