"""The command: a table and the findings; 1 where something is wrong, with what to do about it."""

from pathlib import Path

import pytest

from fanout_tools.cli.app import run
from fanout_tools.project import project
from scripts.mutants.fixture import FIXTURE

pytestmark = pytest.mark.shop

KEPT = project().root / "docs" / "reference" / "topology.json"


def test_findings_are_told_and_fail(capsys: pytest.CaptureFixture[str]) -> None:
    # The fixture has not all of the repository's workers.
    assert run(["check-plan", "prod", "--plan", str(FIXTURE / "plan.json")]) == 1

    said = capsys.readouterr()
    assert "aws_sqs_queue fanout-fixture-inventory: path: shop.orders/OrderPlaced to inventory" in said.err
    assert "let modules/worker make it" in said.err
    assert "rule -> target -> topic -> subscription -> queue -> mapping -> alias" in said.out


@pytest.mark.parametrize(("text", "told"), [("{}", "this is no plan"), ("{", "cannot be read as a plan: Expecting")])
def test_what_is_no_plan_is_refused(tmp_path: Path, text: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "plan.json"
    file.write_text(text)

    assert run(["check-plan", "prod", "--plan", str(file)]) == 1
    assert told in capsys.readouterr().err


def test_an_unknown_environment_is_refused_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check-plan", "moon"]) == 1
    assert "there is no environment 'moon'; there is: dev" in capsys.readouterr().err


def test_what_is_no_plan_is_not_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diagram", "local", "--plan", str(KEPT)]) == 1
    assert "fanout: this is no plan" in capsys.readouterr().err


def test_something_has_to_be_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diagram"]) == 2
    assert "name an environment, or write --docs" in capsys.readouterr().err
