"""The good plan that every test starts from."""

import json
from collections.abc import Callable, Mapping

import pytest

from fanout_tools.declarations.web import load_all as load_web
from fanout_tools.declarations.worker import Manifest, load_all
from fanout_tools.plans import Plan
from fanout_tools.proof.check import check
from fanout_tools.proof.findings import Declared, Finding, read
from fanout_tools.proof.workflows import declared_patterns
from scripts.mutants.fixture import FIXTURE

STARTS = declared_patterns(FIXTURE / "services")
WEB = load_web(FIXTURE / "services", load_all(FIXTURE / "services"))

Judge = Callable[[Plan], list[Finding]]


@pytest.fixture(scope="session")
def plan() -> Plan:
    """That of the fixture's root, with the console of the file beside it."""
    shown = json.loads((FIXTURE / "plan.json").read_text(encoding="utf-8"))
    console = json.loads((FIXTURE / "console.json").read_text(encoding="utf-8"))
    module = shown["planned_values"]["root_module"]
    module["resources"] = list({it["address"]: it for it in (*module["resources"], *console)}.values())
    return Plan.read(shown)


@pytest.fixture(scope="session")
def manifests() -> Mapping[str, Manifest]:
    return load_all(FIXTURE / "services")


@pytest.fixture
def judge(manifests: Mapping[str, Manifest]) -> Judge:
    """All rules over a plan."""

    def judged(plan: Plan) -> list[Finding]:
        return check(plan, manifests, starts=STARTS, web=WEB, allowed=read("fixture"), declared=Declared()).findings

    return judged
