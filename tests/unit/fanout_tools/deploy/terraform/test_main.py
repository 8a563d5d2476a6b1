from pathlib import Path
from types import SimpleNamespace

import pytest

from fanout_tools.deploy.terraform import __main__ as cli
from tests.unit.fanout_tools.deploy.terraform.calls import Install


@pytest.fixture
def environments(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cli, "project", lambda: SimpleNamespace(environments=root.parent))
    return root.parent


@pytest.mark.parametrize("arguments", [["-var=a=b"], ["--", "-var=a=b"]])
def test_the_root_is_initialised_before_the_command_runs(
    install: Install, work: Path, environments: Path, arguments: list[str]
) -> None:
    calls = install()

    assert cli.main(["local", "plan", *arguments]) == 0

    assert [call["args"][1] for call in calls()] == ["init", "plan"]
    assert calls()[1]["args"][2:] == ["-var=a=b"]


def test_an_unknown_environment_is_named_beside_the_known_ones(
    environments: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["stagng", "plan"]) == 2

    said = capsys.readouterr().err
    assert "no environment 'stagng'" in said
    assert said.rstrip().endswith("there is: local")


def test_the_exit_code_of_terraform_is_passed_on(install: Install, work: Path, environments: Path) -> None:
    install(exit_code=3)

    assert cli.main(["local", "plan"]) == 3
