"""A plan is made anew when something that it is made of is newer."""

import os
from pathlib import Path

import pytest

from fanout.errors import PlanError
from fanout_tools.plans.file import current, plan_file, read


def _written(path: Path, when: float) -> Path:
    path.write_text("")
    os.utime(path, (when, when))
    return path


def test_a_plan_is_current_until_a_source_is_newer(tmp_path: Path) -> None:
    plan, source = _written(tmp_path / "plan", 200.0), _written(tmp_path / "main.tf", 100.0)
    assert current(plan, iter([source]))

    _written(source, 300.0)
    assert not current(plan, iter([source]))


def test_a_plan_that_is_not_there_is_not_current(tmp_path: Path) -> None:
    assert not current(tmp_path / "plan", iter([]))


def test_an_unknown_environment_is_refused() -> None:
    with pytest.raises(PlanError, match="there is no environment 'moon'; there is: dev"):
        plan_file("moon")


def test_a_file_that_is_no_json_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text("{")

    with pytest.raises(PlanError, match=r"plan\.json: cannot be read as a plan: Expecting"):
        read(file)
