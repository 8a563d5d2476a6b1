import json
from pathlib import Path

import pytest

from scripts import terraform
from tests.unit.scripts.terraform.calls import Install


def test_init_keeps_state_and_working_files_out_of_the_source_tree(install: Install, work: Path, root: Path) -> None:
    calls = install()

    terraform.init(root)

    (call,) = calls()
    assert call["args"][:2] == [f"-chdir={root}", "init"]
    assert f"-backend-config=path={work / 'local' / 'terraform.tfstate'}" in call["args"]
    assert call["env"]["TF_DATA_DIR"] == str(work / "local" / "data")


def test_init_writes_the_plugin_source_and_overrides_the_environments_own_file(
    install: Install, work: Path, root: Path, mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = install()
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", "/does/not/exist")

    terraform.init(root)

    (call,) = calls()
    assert call["env"]["TF_CLI_CONFIG_FILE"] == str(work / "cli.tfrc")
    assert str(mirror) in (work / "cli.tfrc").read_text()


def test_init_tells_where_plugins_come_from(
    install: Install, work: Path, root: Path, mirror: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install()

    terraform.init(root)

    assert f"plugins from the mirror {mirror}" in capsys.readouterr().err


def test_a_root_with_another_backend_is_left_to_it(install: Install, work: Path, root: Path) -> None:
    calls = install()
    (root / "main.tf").write_text('terraform {\n  backend "s3" {}\n}\n# not: backend "local"\n')

    terraform.init(root)

    assert not any(argument.startswith("-backend-config") for argument in calls()[0]["args"])


def test_a_data_dir_of_its_own_separates_two_runs_of_one_root(
    install: Install, work: Path, root: Path, tmp_path: Path
) -> None:
    calls = install()

    terraform.init(root, data_dir=tmp_path / "second")
    terraform.run(root, "apply", data_dir=tmp_path / "second")

    assert [call["env"]["TF_DATA_DIR"] for call in calls()] == [str(tmp_path / "second" / "data")] * 2
    assert any(str(tmp_path / "second" / "terraform.tfstate") in argument for argument in calls()[0]["args"])


def test_run_passes_the_callers_variables_and_never_asks(install: Install, work: Path, root: Path) -> None:
    calls = install()

    terraform.run(root, "apply", "-auto-approve", env={"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"})

    (call,) = calls()
    assert call["args"][1:] == ["apply", "-auto-approve"]
    assert call["env"]["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert call["env"]["TF_INPUT"] == "0"


def test_what_terraform_says_is_shown_or_logged(
    install: Install, work: Path, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(stdout="said", stderr="warned")

    terraform.run(root, "apply")
    assert sorted(capsys.readouterr().out.split()) == ["said", "warned"]

    terraform.run(root, "apply", log=tmp_path / "log")
    assert sorted((tmp_path / "log").read_text().split()) == ["said", "warned"]
    assert capsys.readouterr().out == ""


def test_one_that_holds_the_lock_is_waited_for(install: Install, work: Path, root: Path) -> None:
    calls = install()

    terraform.run(root, "apply")

    assert calls()[0]["env"]["TF_CLI_ARGS_apply"] == "-lock-timeout=300s"


def test_outputs_are_their_values(install: Install, work: Path, root: Path) -> None:
    calls = install(stdout=json.dumps({"queues": {"value": ["a"], "type": ["list", "string"]}}))

    assert terraform.outputs(root) == {"queues": ["a"]}
    assert calls()[0]["args"][1:] == ["output", "-json"]


def test_a_failure_names_the_command_and_carries_what_terraform_said(install: Install, work: Path, root: Path) -> None:
    install(exit_code=1, stderr="Error: Invalid reference")

    with pytest.raises(terraform.TerraformCommandError, match=r"`terraform plan -json`.*exit code 1") as raised:
        terraform.run(root, "plan", "-json", capture=True)

    assert raised.value.exit_code == 1
    assert "Invalid reference" in raised.value.stderr
