"""As much of Amazon States Language as the workflows use, run in this process: https://states-language.net/spec.html.

Retries are counted and not waited for; branches and iterations run one after another, so that of several that fail the
first one counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

Invoke = Callable[[str, Any], Any]


class StateError(Exception):
    """An error that leaves a state: its name, as Catch and Retry know it."""


@dataclass
class Run:
    """One execution."""

    invoke: Invoke
    """Answers for the function of that name; the name of what it raises is the error's."""
    path: list[str] = field(default_factory=list)
    """The states that were entered, in that order."""

    def execute(self, machine: Mapping[str, Any], given: Any) -> Any:
        """The output of the machine.

        :raises StateError: it failed.
        """
        return self._level(machine, given, {})

    def _level(self, level: Mapping[str, Any], data: Any, context: Mapping[str, Any]) -> Any:
        name = level["StartAt"]
        while True:
            state = level["States"][name]
            self.path.append(name)
            if state["Type"] == "Succeed":
                return data
            if state["Type"] == "Fail":
                raise StateError(state["Error"])
            if state["Type"] == "Choice":
                name = self._choose(state, data)
                continue
            data, following = self._do(state, data, context)
            if following is None:
                return data
            name = following

    def _choose(self, state: Mapping[str, Any], data: Any) -> str:
        for choice in state["Choices"]:
            if _has(data, choice["Variable"]) is choice["IsPresent"]:
                return str(choice["Next"])
        return str(state["Default"])

    def _do(self, state: Mapping[str, Any], data: Any, context: Mapping[str, Any]) -> tuple[Any, str | None]:
        try:
            result = self._try(state, data, context)
        except StateError as error:
            for it in state.get("Catch", ()):
                if str(error) in it["ErrorEquals"] or "States.ALL" in it["ErrorEquals"]:
                    return _placed(data, it.get("ResultPath", "$"), {"Error": str(error)}), it["Next"]
            raise
        return _placed(data, state.get("ResultPath", "$"), result), state.get("Next")

    def _try(self, state: Mapping[str, Any], data: Any, context: Mapping[str, Any]) -> Any:
        left = [int(it.get("MaxAttempts", 3)) for it in state.get("Retry", ())]
        while True:
            try:
                return self._once(state, data, context)
            except StateError as error:
                for index, it in enumerate(state.get("Retry", ())):
                    if left[index] and (str(error) in it["ErrorEquals"] or "States.ALL" in it["ErrorEquals"]):
                        left[index] -= 1
                        break
                else:
                    raise

    def _once(self, state: Mapping[str, Any], data: Any, context: Mapping[str, Any]) -> Any:
        if state["Type"] == "Parallel":
            return [self._level(branch, deepcopy(data), context) for branch in state["Branches"]]
        if state["Type"] == "Map":
            return [
                self._level(state["ItemProcessor"], _filled(state["ItemSelector"], data, item), item)
                for item in (
                    {"Map": {"Item": {"Index": index, "Value": value}}}
                    for index, value in enumerate(_at(data, state["ItemsPath"]))
                )
            ]
        called = _filled(state["Parameters"], data, context)
        try:
            return {"Payload": self.invoke(called["FunctionName"], called["Payload"])}
        except Exception as error:
            raise StateError(type(error).__name__) from error


def _filled(template: Any, data: Any, context: Mapping[str, Any]) -> Any:
    if not isinstance(template, Mapping):
        return template
    return {
        key.removesuffix(".$"): _at(context if value.startswith("$$") else data, value.replace("$$", "$"))
        if key.endswith(".$")
        else _filled(value, data, context)
        for key, value in template.items()
    }


def _at(data: Any, path: str) -> Any:
    for step in path.split(".")[1:]:
        data = data[step]
    return data


def _has(data: Any, path: str) -> bool:
    try:
        _at(data, path)
    except KeyError:
        return False
    return True


def _placed(data: Any, path: str | None, result: Any) -> Any:
    if path is None:
        return data
    return result if path == "$" else {**data, path.removeprefix("$."): result}
