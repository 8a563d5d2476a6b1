"""A function that cannot start ends the run before anything is sent."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from fanout import aws
from fanout_tools.cli.deployment import Deployment
from fanout_tools.declarations.naming import Names
from fanout_tools.declarations.worker import load_all
from scripts.demo import readiness
from scripts.demo.patience import StuckError

from .conftest import SERVICES


class MissingError(Exception):
    """As boto3's ResourceNotFoundException."""


class Functions:
    """Lambda, of whose functions some cannot start."""

    class exceptions:  # noqa: N801 - as boto3 has it
        ResourceNotFoundException = MissingError

    def __init__(self, faults: dict[str, str], missing: str = "") -> None:
        self.faults, self.missing = faults, missing
        self.asked: list[tuple[str, str, Any]] = []

    def invoke(self, *, FunctionName: str, Qualifier: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        self.asked.append((FunctionName, Qualifier, json.loads(Payload)))
        if self.missing and self.missing in FunctionName:
            raise MissingError
        fault = next((text for name, text in self.faults.items() if name in FunctionName), None)
        if fault is None:
            return {"Payload": io.BytesIO(b"{}")}
        return {"FunctionError": "Unhandled", "Payload": io.BytesIO(json.dumps({"errorMessage": fault}).encode())}


@pytest.fixture
def deployment() -> Deployment:
    return Deployment(Names("fanout"), load_all(SERVICES))


def with_functions(monkeypatch: pytest.MonkeyPatch, functions: Functions) -> Functions:
    monkeypatch.setattr(aws, "client", lambda _service: functions)
    return functions


def test_every_function_is_asked_at_its_alias(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    functions = with_functions(monkeypatch, Functions({}))

    assert readiness.start_all(deployment) == len(deployment.manifests) == len(functions.asked)
    assert {(alias, *payload) for _, alias, payload in functions.asked} == {("live", "fanout_heartbeat_s")}


def test_a_function_that_cannot_start_is_named_with_its_error(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_functions(monkeypatch, Functions({"billing": "No module named 'stripe'"}))

    with pytest.raises(StuckError, match=r"^billing: its function cannot start: No module named 'stripe'\nfix it"):
        readiness.start_all(deployment)


def test_a_function_that_is_missing_is_named(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    with_functions(monkeypatch, Functions({}, missing="loyalty"))

    with pytest.raises(StuckError, match=r"loyalty: there is no function .*`make deploy`"):
        readiness.start_all(deployment)
