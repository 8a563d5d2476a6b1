"""Terraform's JSON lines become a few lines of progress, and a log that can be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fanout_tools.deploy.progress import Log, Resources, say


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def line(kind: str, **fields: object) -> str:
    return json.dumps({"type": kind, "@message": kind, **fields})


def planned(add: int = 0, change: int = 0, remove: int = 0) -> str:
    return line("change_summary", changes={"add": add, "change": change, "remove": remove, "operation": "plan"})


def complete(action: str = "create") -> str:
    return line("apply_complete", hook={"action": action})


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log.begin(tmp_path / "logs" / "deploy.log")


def test_resources_are_told_at_each_quarter(log: Log) -> None:
    told: list[str] = []
    clock = Clock()
    resources = Resources(log, tell=lambda _, text: told.append(text), clock=clock)

    resources(complete("read"))  # a data source
    resources(planned(add=6, change=1, remove=1))
    for _ in range(8):
        clock.now += 1
        resources(complete())

    assert told == [f"resources {done} of 8, {done} s" for done in (0, 2, 4, 6, 8)]


def test_a_saved_plan_tells_its_number_beforehand(log: Log) -> None:
    told: list[str] = []
    resources = Resources(log, total=2, tell=lambda _, text: told.append(text), clock=Clock())

    for _ in range(2):
        resources(complete("delete"))

    assert told == ["resources 1 of 2, 0 s", "resources 2 of 2, 0 s"]


def test_the_log_has_words_not_json(log: Log) -> None:
    resources = Resources(log, tell=lambda *_: None)

    resources(json.dumps({"@message": "Error: no", "diagnostic": {"address": "aws_x.y", "detail": "because"}}))
    resources("not JSON at all")

    assert log.path.read_text() == "Error: no\n  aws_x.y\n  because\nnot JSON at all\n"


def test_a_log_begins_anew(log: Log) -> None:
    log.write("old")

    assert Log.begin(log.path).path.read_text() == ""


def test_lines_have_no_carriage_returns(capsys: pytest.CaptureFixture[str]) -> None:
    say("plan", "none")

    assert capsys.readouterr().out == "plan        none\n"
