"""Emulators are started, emptied and stopped by commands whose output a shell can read."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fanout_tools.cli.app import run
from fanout_tools.cli.options import EmulatorName
from fanout_tools.emulators import EMULATORS

Emulate = Callable[..., None]


def test_up_prints_only_what_a_shell_can_evaluate(
    emulate: Emulate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    emulate()

    for _ in range(2):
        assert run(["up", "ministack", "--port", "0", "--run-dir", str(tmp_path)]) == 0

    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("AWS_ENDPOINT_URL=http://127.0.0.1:")
    assert {line.partition("=")[0] for line in out} == {
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_DYNAMODB",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_DEFAULT_REGION",
    }


def test_the_course_of_an_emulators_life(emulate: Emulate, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    emulate()
    where = ["ministack", "--run-dir", str(tmp_path)]

    assert run(["emulator-status", *where]) == 3
    assert capsys.readouterr().out == "not running\n"
    assert run(["up", *where, "--port", "0"]) == 0
    assert run(["reset", *where]) == 0
    capsys.readouterr()
    assert run(["emulator-status", *where]) == 0
    assert capsys.readouterr().out == "server healthy\n"
    assert run(["down", *where]) == 0
    assert "ministack stopped" in capsys.readouterr().err
    assert run(["down", *where]) == 0
    assert "ministack was not running" in capsys.readouterr().err


def test_an_error_is_one_message_and_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["reset", "ministack", "--run-dir", str(tmp_path)]) == 1

    assert capsys.readouterr().err.startswith("fanout: ministack is not running in ")


def test_an_emulator_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["up", "mockstack"]) == 2

    assert "localstack-docker" in capsys.readouterr().err


def test_every_emulator_can_be_named() -> None:
    assert {str(name) for name in EmulatorName} == EMULATORS.keys()
