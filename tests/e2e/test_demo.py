"""`make demo` as a user runs it."""

import os
import subprocess

from scripts.emulators.ports import free_port
from scripts.paths import REPOSITORY


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", *arguments], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )


def test_the_demo_reconciles_twice() -> None:
    """GIVEN nothing but the repository WHEN `make demo` runs twice THEN both runs reconcile every check."""
    try:
        port = f"PORT={free_port()}"
        for _ in range(2):
            done = make("demo", "ORDERS=50", port)
            assert done.returncode == 0, done.stdout + done.stderr
            last = done.stdout.splitlines()[-1]
            assert last.startswith("reconciled: "), last
            assert "1,928.37 dollars, 96 CDs, 13 customers" in last
    finally:
        make("down")
