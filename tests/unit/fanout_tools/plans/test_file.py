"""A plan is made anew, by the stack, when something that it is made of has other content."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fanout.errors import PlanError
from fanout_tools.plans import file as plans
from fanout_tools.plans.file import Kept, plan_file, read
from fanout_tools.plans.stacks import stack_names
from fanout_tools.project import Project
from fanout_tools.proof import planning

BILLING = "description: Bill\nsubscribes:\n  - event: shop.orders/OrderPlaced\n"


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Project, list[str]]:
    """A project of which plans are counted instead of made; each has the number of its making."""
    services, contracts, terraform, build = (tmp_path / it for it in ("services", "contracts", "terraform", "build"))
    of = Project(tmp_path, services=services, contracts=contracts, terraform=terraform, build=build)
    _write(terraform / "environments" / "local" / "main.tf", 'variable "stacks" {}')
    for number in range(30):
        _write(services / f"w{number:02}" / "worker.yaml", BILLING)
    _write(of.schemas / "shop.orders" / "OrderPlaced.v1.json")
    planned = list[str]()
    monkeypatch.setattr(plans, "project", lambda: of)
    monkeypatch.setattr(plans, "version", lambda: "1.11.4")
    monkeypatch.setattr(planning, "project", lambda: of)

    class Planner:
        @classmethod
        @contextmanager
        def begun(cls, root: Path, **_: Any) -> Iterator[Planner]:
            yield cls()

        def know(self, platform: Any) -> dict[str, str]:
            return {"made-up": "planned"}

        def plan(self, stack: str) -> Any:
            planned.append(stack)
            return _shown([f'module.platform.module.worker["{stack}"].x.y'], len(planned))

    def whole(environment: str) -> Any:
        planned.append(environment)
        workers = [f'module.platform.module.worker["{it}"].x.y' for it in stack_names(services)[1:-1]]
        return _shown([*workers, "module.platform.module.bus[0].x.y", "module.platform.module.web.x.y"], len(planned))

    monkeypatch.setattr(planning, "plan_environment", whole)
    monkeypatch.setattr(planning, "Planner", Planner)
    return of, planned


def _shown(addresses: list[str], number: int) -> dict[str, Any]:
    resources = [{"address": it, "type": "x", "values": {"n": number, "key": "made-up"}} for it in addresses]
    return {"planned_values": {"root_module": {"resources": resources}}}


def _numbers(path: Path) -> dict[str, int]:
    """The number of the making of each resource."""
    found = json.loads(path.read_text())["planned_values"]["root_module"]["resources"]
    return {it["address"]: it["values"]["n"] for it in found}


def _write(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_plan_of_the_same_is_made_once(made: tuple[Project, list[str]]) -> None:
    of, planned = made
    first = plan_file("local")
    os.utime(of.terraform / "environments" / "local" / "main.tf")  # as a checkout does

    assert plan_file("local") == first
    assert planned == ["local"]
    assert set(_numbers(first).values()) == {1}
    assert len(_numbers(first)) == 32


def test_a_worker_that_changes_is_planned_with_what_reads_all_and_no_other(made: tuple[Project, list[str]]) -> None:
    of, planned = made
    plan_file("local")
    planned.clear()
    _write(of.services / "w07" / "worker.yaml", BILLING + "owner: finance\n")

    numbers = _numbers(plan_file("local"))

    assert sorted(planned) == ["edge", "platform", "w07"]
    assert numbers['module.platform.module.worker["w08"].x.y'] == 1
    assert plan_file("local").read_text().count("made-up") == 29  # what MiniStack made up has the platform's name


def test_a_worker_that_is_gone_is_in_no_plan(made: tuple[Project, list[str]]) -> None:
    of, planned = made
    plan_file("local")
    planned.clear()
    (of.services / "w07" / "worker.yaml").unlink()

    numbers = _numbers(plan_file("local"))

    assert sorted(planned) == ["edge", "platform"]
    assert not any("w07" in address for address in numbers)


def test_many_that_change_are_planned_with_the_whole(made: tuple[Project, list[str]]) -> None:
    of, planned = made
    plan_file("local")
    planned.clear()
    for name in ("w07", "w08"):
        _write(of.services / name / "worker.yaml", BILLING + "owner: finance\n")

    plan_file("local")

    assert planned == ["local"]


@pytest.mark.parametrize(
    "change",
    [
        lambda of: _write(of.terraform / "environments" / "local" / "main.tf", '# other\nvariable "stacks" {}'),
        lambda of: _write(of.terraform / "environments" / "local" / "terraform.tfvars", "a = 1"),
        lambda of: _write(of.terraform / "queues.yaml", "{}"),
        lambda of: _write(of.schemas / "shop.orders" / "OrderPlaced.v2.json", "{}"),
    ],
    ids=["root", "values", "beside", "contract"],
)
def test_what_all_read_makes_all_anew(made: tuple[Project, list[str]], change: Callable[[Project], object]) -> None:
    plan_file("local")

    change(made[0])

    assert set(_numbers(plan_file("local")).values()) == {2}


@pytest.mark.parametrize(
    "change",
    [
        lambda of: _write(of.services / "fulfilment" / "workflow.asl.json", "{}"),
        lambda of: (of.build / "plans" / "local" / "edge.json").unlink(),
        lambda of: (of.build / "plans" / "local" / "edge.made-of").unlink(),  # it was written in part
    ],
    ids=["states", "plan gone", "in part"],
)
def test_what_the_edge_reads_makes_it_anew(
    made: tuple[Project, list[str]], change: Callable[[Project], object]
) -> None:
    plan_file("local")

    change(made[0])

    plan_file("local")
    assert "edge" in made[1][1:]
    assert "local" not in made[1][1:]


def test_an_environment_that_knows_no_stacks_is_planned_whole(made: tuple[Project, list[str]]) -> None:
    of, planned = made
    _write(of.terraform / "environments" / "local" / "main.tf", "# made before there were stacks")
    plan_file("local")
    _write(of.services / "w07" / "worker.yaml", BILLING + "owner: finance\n")

    plan_file("local")

    assert planned == ["local", "local"]


def test_a_variable_of_terraform_makes_it_anew(
    made: tuple[Project, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_file("local")
    monkeypatch.setenv("TF_VAR_bus_grants", "role")
    assert len(Kept(made[0], "local").stale()) == 32


def test_what_does_not_reach_the_plan_changes_nothing(made: tuple[Project, list[str]]) -> None:
    of, _ = made
    plan_file("local")
    _write(of.services / "w07" / "handler.py", "x = 1")
    _write(of.schemas / "shop.orders" / "OrderPlaced.v1.json", '{"title": "other"}')  # Terraform reads the name alone
    _write(of.terraform / "environments" / "local" / ".terraform" / "modules.json", "{}")
    _write(of.terraform / "environments" / "local" / ".terraform.lock.hcl", "# by init")
    assert Kept(of, "local").stale() == []


def test_an_unknown_environment_is_refused() -> None:
    with pytest.raises(PlanError, match="there is no environment 'moon'; there is: dev"):
        plan_file("moon")


def test_a_file_that_is_no_json_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text("{")

    with pytest.raises(PlanError, match=r"plan\.json: cannot be read as a plan: Expecting"):
        read(file)
