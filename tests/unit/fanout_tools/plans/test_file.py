"""A plan is made anew when something that it is made of is newer."""

import os
from pathlib import Path

import pytest

from fanout_tools.plans.file import current, main


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


def test_an_unknown_environment_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["moon"]) == 1
    assert "plan-file: there is no environment 'moon'; there is: dev" in capsys.readouterr().err
