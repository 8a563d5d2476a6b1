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


def test_every_locked_version_is_the_pinned_one_and_has_hashes() -> None:
    """GIVEN the lock WHEN read THEN each line pins what constraints.txt pins, by hashes, and names no host; what is
    pinned and not locked is no part of development's environment."""
    locked = pins(lock.LOCK)
    pinned = {name: line.partition("==")[2].strip() for name, line in pins(REPOSITORY / "constraints.txt").items()}
    versions = {name: re.split(r"[ ;]", line.partition("==")[2].strip())[0] for name, line in locked.items()}

    assert versions == {name: pinned[name] for name in versions}
    assert {"boto3", "pydantic", "setuptools", "pytest"} <= versions.keys()
    assert all(re.search(r" --hash=sha256:[0-9a-f]{64}", line) for line in locked.values())
    for name in ("uvloop", "orjson", "pydantic-core", "cryptography"):  # of every platform and Python
        assert locked[name].count("--hash=") > 20, name
    assert "://" not in lock.LOCK.read_text(encoding="utf-8")


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
