"""What a person, and a test's report, learn of a deployment that fails."""

import json
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


def test_what_the_first_try_has_made_is_imported_before_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIVEN an emulator that has made a policy and answered too late WHEN the apply is tried again THEN Terraform has
    been told of the policy."""
    asked: list[str] = []

    def late(_root: Path, *args: str, on_line: Any = None, **_options: Any) -> str:
        asked.append(" ".join(it for it in args if not it.startswith("-")))
        if args[0] == "apply" and len(asked) == 1:
            address = "module.platform.module.operators[0].aws_iam_policy.this"
            text = "Error: creating IAM Policy (shop-operator): operation error IAM: EntityAlreadyExists: it is there"
            on_line(json.dumps({"@message": text, "diagnostic": {"address": address}}))
            raise terraform.TerraformCommandError("terraform apply", 1, "")
        return "{}"

    monkeypatch.setattr(terraform, "run", late)
    monkeypatch.setattr(environment, "project", lambda: SimpleNamespace(build=tmp_path))
    deployment = environment.Deployment(root=tmp_path, data_dir=tmp_path, target="local", env={}, asks=False)

    deployment.run("apply")

    imported = (
        "import module.platform.module.operators[0].aws_iam_policy.this arn:aws:iam::000000000000:policy/shop-operator"
    )
    assert asked == ["apply", "state pull", imported, "apply"]
