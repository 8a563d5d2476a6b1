"""The console over the demo: the demo ends with it, however it ends."""

import signal
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.demo import console


class Demo:
    """A process that ends when it is told to, or not at all."""

    def __init__(self, *, stubborn: bool) -> None:
        self.stubborn, self.told, self.killed, self.returncode = stubborn, list[int](), False, None

    def poll(self) -> int | None:
        return self.returncode

    def send_signal(self, number: int) -> None:
        self.told.append(number)

    def wait(self, timeout: float | None = None) -> int:
        if self.stubborn and not self.killed and timeout is not None:
            raise subprocess.TimeoutExpired("demo", timeout)
        return 0

    def kill(self) -> None:
        self.killed = True


@pytest.mark.parametrize("stubborn", [False, True])
@pytest.mark.parametrize(("ends", "code"), [(0, 0), (1, 1), (KeyboardInterrupt(), 0)], ids=["well", "failed", "Ctrl-C"])
def test_the_demo_ends_with_the_console(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stubborn: bool, ends: Any, code: int
) -> None:
    demo, commands = Demo(stubborn=stubborn), list[list[str]]()

    def run(command: list[str], **_: Any) -> SimpleNamespace:
        commands.append(command)
        if isinstance(ends, BaseException):
            raise ends
        return SimpleNamespace(returncode=ends)

    monkeypatch.setattr(console, "LOG", tmp_path / "build" / "demo.log")
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: demo)
    monkeypatch.setattr(subprocess, "run", run)

    assert console.main(["--orders", "5", "--port", "1234"]) == code

    assert commands[0][1:] == ["console", "--allow-changes", "--open", "--port", "1234"]
    assert (demo.told, demo.killed) == ([signal.SIGINT], stubborn)
