"""``fanout deployer-policy`` prints or writes documents that IAM takes."""

import json
from pathlib import Path

import pytest

from fanout_tools.cli.app import run
from scripts.mutants.fixture import FIXTURE

PLAN = str(FIXTURE / "plan.json")


def test_documents_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["deployer-policy", "prod", "--account", "111122223333", "--plan", PLAN]) == 0
    assert {each["Version"] for each in json.loads(capsys.readouterr().out)} == {"2012-10-17"}


def test_each_document_has_a_file_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "deployer"

    assert run(["deployer-policy", "prod", "--account", "111122223333", "--plan", PLAN, "--out", str(folder)]) == 0

    files = sorted(folder.iterdir())
    assert capsys.readouterr().out.splitlines() == [str(file) for file in files]
    assert all(json.loads(file.read_text())["Statement"] for file in files)


def test_what_is_no_account_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["deployer-policy", "prod", "--account", "prod", "--plan", PLAN]) == 1
    assert "prod: is no account's id" in capsys.readouterr().err
