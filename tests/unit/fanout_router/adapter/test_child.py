"""Programs that an adapter starts end with it, however it ends."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from fanout_router.adapter.child import Child

FAMILY = """
import pathlib, subprocess, sys
child = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"])
pathlib.Path(sys.argv[1]).write_text(f"{child.pid}\\n")
child.wait()
"""
ADAPTER = """
import asyncio, sys
from fanout_router.adapter.child import Child

async def run():
    child = await Child.start(sys.argv[1])
    await child.wait()

asyncio.run(run())
"""


@pytest.fixture
def family(tmp_path: Path) -> tuple[str, Path]:
    """A command that starts a child of its own, and the file that then tells its process id."""
    program, told = tmp_path / "family.py", tmp_path / "pid"
    program.write_text(FAMILY)
    return f"{sys.executable} -I -S {program} {told}", told


def lives(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def eventually(check: Callable[[], object]) -> None:
    until = time.monotonic() + 30
    while not check():
        assert time.monotonic() < until
        time.sleep(0.01)


def written(path: Path) -> int:
    eventually(lambda: path.exists() and path.read_text().endswith("\n"))
    return int(path.read_text())


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="needs /proc")
def test_a_killed_adapter_leaves_nothing_behind(family: tuple[str, Path]) -> None:
    """GIVEN a server and what it has started WHEN the adapter is killed by SIGKILL THEN both end."""
    command, told = family
    adapter = subprocess.Popen([sys.executable, "-c", ADAPTER, command])
    grandchild = written(told)
    adapter.kill()
    adapter.wait()
    eventually(lambda: not lives(grandchild))


@pytest.mark.parametrize("run_on", [asyncio.run, uvloop.run])
def test_a_program_that_ends_in_order_has_a_code_and_no_guard_is_left(
    family: tuple[str, Path], run_on: Callable[[Coroutine[Any, Any, int | None]], int | None]
) -> None:
    command, told = family

    async def run() -> int | None:
        child = await Child.start(command)
        await asyncio.to_thread(written, told)
        assert child.returncode is None
        await child.end()
        await child.end()
        return child.returncode

    assert run_on(run()) == -15
    assert not guards()
    if os.path.isdir("/proc"):
        eventually(lambda: not lives(written(told)))


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="needs /proc")
def test_what_a_program_left_behind_ends_too(tmp_path: Path) -> None:
    """GIVEN a server that has ended, and a child of it that has not WHEN it is ended THEN so is the child."""
    told = tmp_path / "pid"
    program = tmp_path / "parent.py"
    program.write_text(FAMILY.replace("child.wait()", ""))

    async def run() -> int | None:
        child = await Child.start(f"{sys.executable} -I -S {program} {told}")
        await child.wait()
        await child.end()
        return child.returncode

    assert asyncio.run(run()) == 0
    eventually(lambda: not lives(written(told)))


@pytest.mark.parametrize(("command", "error"), [("/no/such/program", FileNotFoundError), ("'unclosed", ValueError)])
def test_a_command_that_cannot_be_run_is_an_error_and_leaves_no_guard(command: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        asyncio.run(Child.start(command))
    assert not guards()


def guards() -> list[str]:
    """The guards among our children, where that can be told."""
    if not os.path.isdir("/proc"):
        return []
    mine = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return [pid for pid in mine if b"killpg" in Path(f"/proc/{pid}/cmdline").read_bytes()]
