"""requirements.lock is constraints.txt with hashes, and set-up installs by nothing else."""

import re
from pathlib import Path

import pytest

from fanout_tools import installer
from scripts import lock, set_up
from scripts.paths import REPOSITORY


def pins(file: Path) -> dict[str, str]:
    lines = file.read_text(encoding="utf-8").replace("\\\n", "").splitlines()
    return {re.sub(r"[-_.]+", "-", line.partition("==")[0]).lower(): line for line in lines if line}


@pytest.mark.parametrize(
    ("name", "some", "compiled"),
    [
        (
            "requirements.lock",
            {"boto3", "pydantic", "setuptools", "pytest"},
            {"uvloop", "orjson", "pydantic-core", "cryptography"},
        ),
        ("router/requirements.lock", {"boto3", "prometheus-client"}, {"uvloop", "httptools"}),
        ("router/build.lock", {"setuptools"}, {"mypy"}),
    ],
)
def test_every_locked_version_is_the_pinned_one_and_has_hashes(name: str, some: set[str], compiled: set[str]) -> None:
    """GIVEN a lock WHEN read THEN each line pins what constraints.txt pins, by hashes, and names no host; what is
    pinned and not locked is not installed there."""
    file = REPOSITORY / name
    assert file in lock.LOCKS
    locked = pins(file)
    pinned = {name: line.partition("==")[2].strip() for name, line in pins(REPOSITORY / "constraints.txt").items()}
    versions = {name: re.split(r"[ ;]", line.partition("==")[2].strip())[0] for name, line in locked.items()}

    assert versions == {name: pinned[name] for name in versions}
    assert some | compiled <= versions.keys()
    assert "pytest" in some or "pytest" not in versions
    assert all(re.search(r" --hash=sha256:[0-9a-f]{64}", line) for line in locked.values())
    assert all(locked[each].count("--hash=") > 20 for each in compiled)  # of every platform and Python
    assert "://" not in file.read_text(encoding="utf-8")


def test_set_up_installs_what_is_locked_and_nothing_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN an installer that only notes WHEN set-up runs THEN all of it is by the lock, without dependencies that the
    lock does not name, and the project is built by what is installed."""
    calls: list[list[str]] = []
    monkeypatch.setattr(set_up, "BUILD", tmp_path)
    monkeypatch.setattr(installer, "create", lambda directory, python, *, lock: directory / "bin" / "python")
    monkeypatch.setattr(installer, "install", lambda python, arguments, *, lock: calls.append(arguments))
    (tmp_path / "venv").mkdir()

    assert set_up.main() == 0
    assert calls == [
        ["--no-deps", "--requirement", "requirements.lock"],
        ["--no-deps", "--no-build-isolation", "--editable", "."],
    ]
