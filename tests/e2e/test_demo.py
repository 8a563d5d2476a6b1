"""`make demo` and `make demo-web` as a user runs them, on one deployment."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from scripts.paths import BUILD, REPOSITORY

pytestmark = pytest.mark.timeout(2400)  # a first run takes the emulators minutes where others use the machine


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MAKE", "MFLAGS"))}


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments], cwd=REPOSITORY, env=environment(), capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def port() -> Iterator[str]:
    """Where the emulator is to be: 4566, or a free port where another checkout has that."""
    yield "PORT="
    make("down")


def test_the_demo_reconciles_twice(port: str) -> None:
    """GIVEN nothing but the repository WHEN `make demo` runs twice THEN both runs reconcile every check."""
    for _ in range(2):
        done = make("demo", "ORDERS=50", port)
        assert done.returncode == 0, done.stdout + done.stderr
        last = done.stdout.splitlines()[-1]
        assert last.startswith("reconciled: "), last
        assert "1,928.37 dollars, 96 CDs, 13 customers" in last


def test_the_storefront_shows_an_order_until_it_is_done(port: str) -> None:
    """GIVEN the deployment WHEN `make demo-web CHECK=1` orders through the router THEN the page's events tell of every
    worker's end, 10 MB come and go unchanged, and the router drains."""
    done = make("demo-web", "CHECK=1", port)

    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert "  inventory: done, billing: done, notifications: done, loyalty: done" in lines
    assert "  billing: 29.33 dollars" in lines
    assert [line for line in lines if "10,000,000 bytes" in line and "as sent" in line]
    assert [line for line in lines if "10,000,000 bytes" in line and "as announced" in line]
    assert lines[-2] == "check: all well"
    assert lines[-1].startswith("drained; requests served: ")


def test_the_storefront_drains_on_ctrl_c(port: str) -> None:
    """GIVEN the storefront at work WHEN its terminal sends SIGINT to all of it THEN it drains, and exits with 0."""
    with web_demo() as process:
        assert process.stdout is not None
        address = re.match(r"the shop: (http://127\.0\.0\.1:\d+) ", process.stdout.readline())
        assert address is not None
        with urlopen(address[1]) as page:
            assert b"<form" in page.read()
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=300)

    assert (process.returncode, err) == (0, "")
    assert out.startswith("drained; requests served: ")


def test_the_storefront_says_what_is_not_deployed(port: str) -> None:
    """GIVEN a namespace of which nothing is deployed WHEN started THEN exit code 2, and the fix."""
    with web_demo("--namespace", "fanout-nowhere") as process:
        _, err = process.communicate(timeout=300)

    assert process.returncode == 2
    assert err.startswith("demo-web: queue fanout-nowhere-")
    assert "make deploy" in err


def web_demo(*arguments: str) -> subprocess.Popen[str]:
    """As `make demo-web` starts it, in a process group of its own."""
    lines = Path(BUILD / "emulators" / "ministack" / "endpoint.env").read_text(encoding="utf-8").splitlines()
    return subprocess.Popen(
        [sys.executable, "-m", "scripts.demo.web", "--port", "0", *arguments],
        cwd=REPOSITORY,
        env=environment() | dict(line.split("=", 1) for line in lines),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
