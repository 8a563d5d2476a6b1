"""A Terraform that only writes down how it was called, so that these tests need neither it nor a network."""

import json
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from fanout_tools.deploy.terraform import runner
from fanout_tools.project import project
from tests.unit.fanout_tools.deploy.terraform.calls import Calls, Install

FAKE = """#!{python}
import json, os, sys
if sys.argv[1:] == ["version", "-json"]:
    print({version!r})
    sys.exit(0)
names = ("TF_CLI_CONFIG_FILE", "TF_DATA_DIR", "TF_INPUT", "TF_CLI_ARGS", "TF_CLI_ARGS_apply", "AWS_ENDPOINT_URL")
call = {{"args": sys.argv[1:], "env": {{name: os.environ.get(name) for name in names}}}}
with open({calls!r}, "a") as calls:
    calls.write(json.dumps(call) + "\\n")
print({stdout!r})
print({stderr!r}, file=sys.stderr)
sys.exit({exit_code})
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a fake Terraform on PATH, and return what reads its calls."""

    def put(*, version: str = "1.11.4", stdout: str = "", stderr: str = "", exit_code: int = 0) -> Calls:
        calls = tmp_path / "calls"
        binary = tmp_path / "bin" / "terraform"
        binary.parent.mkdir()
        answer = json.dumps({"terraform_version": version}) if version else "no version here"
        text = FAKE.format(
            python=sys.executable,
            version=answer,
            calls=str(calls),
            stdout=stdout,
            stderr=stderr,
            exit_code=exit_code,
        )
        binary.write_text(text)
        binary.chmod(binary.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(binary.parent))
        return lambda: [json.loads(line) for line in calls.read_text().splitlines()] if calls.exists() else []

    return put


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A directory laid out as a filesystem mirror that holds the AWS provider."""
    (tmp_path / "mirror/registry.terraform.io/hashicorp/aws/5.100.0").mkdir(parents=True)
    return tmp_path / "mirror"


@pytest.fixture
def work(tmp_path: Path, mirror: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the runner keeps what would be under build/terraform."""
    of = replace(project(), build=tmp_path / "build")
    monkeypatch.setattr(runner, "project", lambda: of)
    monkeypatch.setenv("TF_PLUGIN_MIRROR", str(mirror))
    return of.build / "terraform"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with a local backend."""
    directory = tmp_path / "local"
    directory.mkdir()
    (directory / "main.tf").write_text('terraform {\n  backend "local" {}\n}\n')
    return directory
