"""What a person, and a test's report, learn of a deployment that fails."""

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
    deployment = environment.Deployment(root=tmp_path, data_dir=tmp_path, target="local", env={}, asks=False)

    with pytest.raises(terraform.TerraformCommandError) as raised:
        deployment.run("apply")

    assert raised.value.__notes__ == ["Error: creating Amazon SQS queue\n  aws_sqs_queue.main"]
    assert "  | Error: creating Amazon SQS queue" in capsys.readouterr().err
