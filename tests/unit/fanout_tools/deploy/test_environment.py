"""What a person, and a test's report, learn of a deployment that fails."""

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fanout_tools.deploy import environment, terraform


def failing(_root: Path, *args: str, on_line: Any, **_options: Any) -> str:
    on_line('{"@message": "Error: creating Amazon SQS queue", "diagnostic": {"address": "aws_sqs_queue.main"}}')
    raise terraform.TerraformCommandError(f"terraform {args[0]}", 1, "")


def test_a_failure_carries_the_end_of_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(terraform, "run", failing)
    monkeypatch.setattr(environment, "project", lambda: SimpleNamespace(build=tmp_path))
    deployment = environment.Deployment(root=tmp_path, data_dir=tmp_path, target="aws", env={}, asks=False)

    with pytest.raises(terraform.TerraformCommandError) as raised:
        deployment.run("apply")

    assert raised.value.__notes__ == ["Error: creating Amazon SQS queue\n  aws_sqs_queue.main"]
    assert "  | Error: creating Amazon SQS queue" in capsys.readouterr().err


@pytest.mark.parametrize(("target", "failures", "calls"), [("local", 1, 2), ("local", 2, 2), ("aws", 1, 1)])
def test_an_emulator_that_answers_late_is_asked_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, failures: int, calls: int
) -> None:
    asked: list[str] = []

    def late(root: Path, *args: str, on_line: Any, **options: Any) -> str:
        asked.append(args[0])
        return failing(root, *args, on_line=on_line, **options) if len(asked) <= failures else ""

    monkeypatch.setattr(terraform, "run", late)
    monkeypatch.setattr(environment, "project", lambda: SimpleNamespace(build=tmp_path))
    deployment = environment.Deployment(root=tmp_path, data_dir=tmp_path, target=target, env={}, asks=False)

    with pytest.raises(terraform.TerraformCommandError) if calls == failures else nullcontext():
        deployment.run("apply")

    assert asked == ["apply"] * calls
