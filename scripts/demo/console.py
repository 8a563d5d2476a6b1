"""``python -m scripts.demo.console``: the console over the demo, which runs meanwhile, until Ctrl-C.

What the demo prints is in build/demo.log; it ends with the console.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from scripts.paths import BUILD, REPOSITORY

__all__ = ["main"]

LOG: Final = BUILD / "demo.log"
PATIENCE_S: Final = 30
"""For the demo to end, once it has been told to."""


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the console's exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.demo.console", description="The console over the demo.")
    parser.add_argument("--orders", type=int, default=500)
    parser.add_argument("--port", type=int, default=8765)
    given = parser.parse_args(argv)
    fanout = str(Path(sys.executable).with_name("fanout"))
    command = [fanout, "console", "--allow-changes", "--open", "--port", str(given.port)]
    with _demo(given.orders), contextlib.suppress(KeyboardInterrupt):
        return subprocess.run(command, cwd=REPOSITORY, check=False).returncode
    return 0  # by Ctrl-C, as it is meant to end


@contextlib.contextmanager
def _demo(orders: int) -> Iterator[None]:
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.open("w", encoding="utf-8") as log:
        command = [sys.executable, "-m", "scripts.demo", "--orders", str(orders)]
        # In a session of its own: Ctrl-C is the console's.
        demo = subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=log, start_new_session=True)
    try:
        yield
    finally:
        _end(demo)


def _end(demo: subprocess.Popen[bytes]) -> None:
    if demo.poll() is None:
        demo.send_signal(signal.SIGINT)
    try:
        demo.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        demo.kill()
        demo.wait()


if __name__ == "__main__":
    sys.exit(main())
