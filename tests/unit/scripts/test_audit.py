"""What an answer of pip-audit comes to: nobody asked is no pass."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from fanout_tools.emulators import InstallError
from scripts import audit

FINE = {"name": "orjson", "version": "3.13.0", "vulns": []}
HOLED = {"name": "pillow", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1", "2.0"]}]}
OPEN = {"name": "six", "version": "1.0", "vulns": [{"id": "PYSEC-2", "fix_versions": []}]}
SKIPPED = {"name": "boto3", "skip_reason": "the service does not answer"}


@pytest.mark.parametrize(
    ("packages", "status", "said"),
    [
        ([FINE], 0, ["audit: 1 packages, 0 known vulnerabilities"]),
        (
            [FINE, HOLED, OPEN],
            audit.FOUND,
            [
                "pillow 1.0: PYSEC-1: fixed in 1.1, 2.0",
                "six 1.0: PYSEC-2: fixed in no version yet",
                "audit: 3 packages, 2 known vulnerabilities",
            ],
        ),
        ([FINE, SKIPPED], audit.NOT_ASKED, ["audit: not done: boto3: the service does not answer"]),
        ([], audit.NOT_ASKED, ["audit: not done: no package was looked at"]),
    ],
)
def test_an_answer_is_told_with_its_status(
    packages: list[Any], status: int, said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit.verdict(json.dumps({"dependencies": packages}), "") == status
    shown = capsys.readouterr()
    assert (shown.out + shown.err).splitlines() == said


@pytest.mark.parametrize("told", ["", "{}", "[]", "no JSON"])
def test_no_answer_is_no_pass(told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.verdict(told, "Traceback\n  x\nConnectionError: no such name\n") == audit.NOT_ASKED
    assert capsys.readouterr().err == "audit: not done: ConnectionError: no such name\n"


def test_who_cannot_be_asked_in_time_or_installed_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def late(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("pip-audit", audit.LIMIT_S)

    def none(*_: object, **__: object) -> Path:
        raise InstallError("no index")

    monkeypatch.setattr(audit, "ensure_venv", lambda *_, **__: Path("python"))
    monkeypatch.setattr(subprocess, "run", late)
    assert audit.main([]) == audit.NOT_ASKED
    monkeypatch.setattr(audit, "ensure_venv", none)
    assert audit.main([]) == audit.NOT_ASKED
    assert [line.split(": ")[2] for line in capsys.readouterr().err.splitlines()] == [
        "osv has not answered within 300 s",
        "pip-audit cannot be installed",
    ]
