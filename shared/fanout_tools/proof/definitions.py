"""State machines in Amazon States Language: what is wrong with one, before Step Functions or an incident tells.

The language: https://states-language.net/spec.html.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

__all__ = ["functions", "problems", "tasks"]

State = Mapping[str, Any]

_ENDS: Final = ("Succeed", "Fail")
_INVOKES: Final = ":states:::lambda:invoke"


def problems(machine: Mapping[str, Any]) -> Iterator[str]:
    """Each as ``<state>: <what is wrong>; <the fix>``."""
    yield from _of_level(machine, caught=False)


def tasks(machine: Mapping[str, Any]) -> Iterator[tuple[str, State]]:
    """Every task by its state's name, also those within Map and Parallel."""
    for name, state in machine.get("States", {}).items():
        if state.get("Type") == "Task":
            yield name, state
        for inner in _inner(state):
            yield from tasks(inner)


def functions(machine: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The functions (ARN) that tasks invoke, by the state's name."""
    for name, state in tasks(machine):
        if str(state.get("Resource", "")).endswith(_INVOKES):
            yield name, str(state.get("Parameters", {}).get("FunctionName"))


def _of_level(level: Mapping[str, Any], *, caught: bool) -> Iterator[str]:
    """One level of states: the machine's own, an iteration's, or a branch's.

    :param caught: whether an error that leaves the level is caught around it.
    """
    states = level.get("States", {})
    reached = _reached(level)
    for name in states.keys() - reached:
        yield f"{name}: is never reached; lead to it or remove it"
    for name in sorted(reached - states.keys()):
        yield f"{name}: there is no such state; correct the name"
    for name, state in states.items():
        yield from _of_state(name, state, caught=caught)


def _of_state(name: str, state: State, *, caught: bool) -> Iterator[str]:
    kind = state.get("Type")
    if kind not in (*_ENDS, "Choice") and ("Next" in state) == bool(state.get("End")):
        yield f"{name}: leads nowhere, or to two things; write Next or End"
    caught = caught or any("States.ALL" in it.get("ErrorEquals", ()) for it in state.get("Catch", ()))
    if kind == "Task":
        yield from _of_task(name, state, caught=caught)
    for inner in _inner(state):
        yield from _of_level(inner, caught=caught)


def _of_task(name: str, state: State, *, caught: bool) -> Iterator[str]:
    if not any(int(it.get("MaxAttempts", 3)) > 0 for it in state.get("Retry", ())):
        yield f"{name}: is not tried again when it fails; give it Retry"
    if not caught:
        yield f"{name}: nothing catches States.ALL of it, so that what was done is not undone; give it Catch"
    if "TimeoutSeconds" not in state:
        yield f"{name}: waits without end; give it TimeoutSeconds"


def _reached(level: Mapping[str, Any]) -> set[str]:
    """The states that a level comes to from its start, by any way."""
    states, found, open_ = level.get("States", {}), set[str](), [str(level.get("StartAt"))]
    while open_:
        name = open_.pop()
        if name not in found:
            found.add(name)
            open_ += _after(states.get(name, {}))
    return found


def _after(state: State) -> list[str]:
    ways = [state, *state.get("Choices", ()), *state.get("Catch", ())]
    return [str(way[key]) for way in ways for key in ("Next", "Default") if key in way]


def _inner(state: State) -> Iterator[Mapping[str, Any]]:
    yield from state.get("Branches", ())
    if processor := state.get("ItemProcessor") or state.get("Iterator"):
        yield processor
