"""A plan is made anew when something that it is made of has other content."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fanout.errors import PlanError
from fanout_tools.plans import file as plans
from fanout_tools.plans.file import made_of, plan_file, read
from fanout_tools.project import Project
from fanout_tools.proof import planning


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Project, list[str]]:
    """A project of which plans are counted instead of made."""
    services, contracts, terraform, build = (tmp_path / it for it in ("services", "contracts", "terraform", "build"))
    of = Project(tmp_path, services=services, contracts=contracts, terraform=terraform, build=build)
    _write(terraform / "environments" / "local" / "main.tf")
    _write(services / "billing" / "worker.yaml")
    _write(of.schemas / "shop.orders" / "OrderPlaced.v1.json")
    planned = list[str]()
    monkeypatch.setattr(plans, "project", lambda: of)
    monkeypatch.setattr(plans, "version", lambda: "1.11.4")

    def plan(environment: str) -> dict[str, int]:
        planned.append(environment)
        return {"plan": len(planned)}

    monkeypatch.setattr(planning, "plan_environment", plan)
    return of, planned


def _write(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_plan_of_the_same_is_made_once(made: tuple[Project, list[str]]) -> None:
    of, planned = made
    first = plan_file("local")
    os.utime(of.terraform / "environments" / "local" / "main.tf")  # as a checkout does

    assert plan_file("local") == first
    assert planned == ["local"]
    assert json.loads(first.read_text()) == {"plan": 1}


@pytest.mark.parametrize(
    "change",
    [
        lambda of: _write(of.terraform / "environments" / "local" / "main.tf", "# other"),
        lambda of: _write(of.terraform / "environments" / "local" / "terraform.tfvars", "a = 1"),
        lambda of: _write(of.terraform / "queues.yaml", "{}"),
        lambda of: _write(of.services / "billing" / "worker.yaml", "name: billing"),
        lambda of: _write(of.services / "fulfilment" / "workflow.asl.json", "{}"),
        lambda of: (of.services / "billing" / "worker.yaml").unlink(),
        lambda of: _write(of.schemas / "shop.orders" / "OrderPlaced.v1.json", "{}"),
        lambda of: (of.build / "plans" / "local.json").unlink(),
    ],
    ids=["root", "values", "beside", "worker", "states", "worker gone", "contract", "plan gone"],
)
def test_whatever_it_is_made_of_makes_it_anew(
    made: tuple[Project, list[str]], change: Callable[[Project], object]
) -> None:
    plan_file("local")

    change(made[0])

    assert json.loads(plan_file("local").read_text()) == {"plan": 2}


def test_a_variable_of_terraform_makes_it_anew(
    made: tuple[Project, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = made_of(made[0], "prod")
    monkeypatch.setenv("TF_VAR_bus_grants", "role")
    assert made_of(made[0], "prod") != before


def test_what_does_not_reach_the_plan_changes_nothing(made: tuple[Project, list[str]]) -> None:
    of, _ = made
    before = made_of(of, "local")
    _write(of.services / "billing" / "handler.py", "x = 1")
    _write(of.terraform / "environments" / "local" / ".terraform" / "modules.json", "{}")
    _write(of.terraform / "environments" / "local" / ".terraform.lock.hcl", "# by init")
    assert made_of(of, "local") == before


def test_a_plan_that_is_written_in_part_is_made_again(made: tuple[Project, list[str]]) -> None:
    path = plan_file("local")
    _write(path, '{"pl')
    path.with_suffix(".made-of").unlink()

    assert json.loads(plan_file("local").read_text()) == {"plan": 2}


def test_an_unknown_environment_is_refused() -> None:
    with pytest.raises(PlanError, match="there is no environment 'moon'; there is: dev"):
        plan_file("moon")


def test_a_file_that_is_no_json_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text("{")

    with pytest.raises(PlanError, match=r"plan\.json: cannot be read as a plan: Expecting"):
        read(file)
