"""An environment is the same by stacks as whole: the same resources, each in the stack that its address says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from fanout_tools.plans import resources
from fanout_tools.plans.file import Kept, plan_file
from fanout_tools.plans.stacks import EDGE, PLATFORM, Owners
from fanout_tools.project import project
from fanout_tools.proof import planning
from scripts.paths import BUILD

WORKER = "thumbnails"
"""It has tables, buckets with events, a gather, and rules and no topic."""
Resources = Mapping[str, Mapping[str, Any]]


@pytest.fixture(scope="module")
def planner() -> Iterator[planning.Planner]:
    root, work = planning.root_of("prod"), BUILD / "check_plan" / "stacks"
    with planning.Planner.begun(root, services=project().services, work=work) as begun:
        yield begun


@pytest.mark.shop
@pytest.mark.timeout(1800)
def test_stacks_make_what_the_whole_makes(planner: planning.Planner) -> None:
    """GIVEN the whole plan of prod, taken apart by addresses WHEN its platform, a worker and its edge are planned alone
    THEN each has the same resources with the same values."""
    plan_file("prod")
    kept = Kept(project(), "prod")
    whole = {stack: _by_address(kept.resources(stack)) for stack in (PLATFORM, WORKER, EDGE)}
    names = planner.know(kept.resources(PLATFORM))
    owners = Owners.read(project().services, "fanout-prod-use1")

    for stack, expected in whole.items():
        shown = planner.plan(stack)
        found = _by_address(resources(shown["planned_values"]["root_module"]))
        own = {address: values for address, values in found.items() if owners.stack_of(address) is not None}

        assert {owners.stack_of(address) for address in own} == {stack}
        assert own.keys() == {address for address in expected if owners.stack_of(address) is not None}
        for address, values in own.items():
            assert _known(_renamed(values, names)) == _known(expected[address]), address


def _by_address(found: Any) -> Resources:
    return {it["address"]: it["values"] for it in found if it["mode"] == "managed"}


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """With what MiniStack made up as the platform's plan has it."""
    if isinstance(value, Mapping):
        return {key: _renamed(it, names) for key, it in value.items()}
    if isinstance(value, list):
        return [_renamed(it, names) for it in value]
    if isinstance(value, str):
        for made_up, wanted in names.items():
            value = value.replace(made_up, wanted)
    return value


def _known(value: Any) -> Any:
    """Without what nothing sets: the provider fills some of it in by the round, and ids are made up by it."""
    if isinstance(value, Mapping):
        known = {key: _known(it) for key, it in value.items() if key != "id"}
        return {key: it for key, it in known.items() if it not in (None, 0, "", [], {})}
    return [_known(it) for it in value] if isinstance(value, list) else value
