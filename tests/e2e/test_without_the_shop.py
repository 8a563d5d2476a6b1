"""A fork follows docs/how-to/remove-the-sample-shop.md, and works with an event and a worker of its own."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.bench.onboarding import handled, run
from scripts.paths import BUILD, REPOSITORY

PAGE = REPOSITORY / "docs" / "how-to" / "remove-the-sample-shop.md"
EVENT, WORKER = "acme.parcels/ParcelSent", "tracking"
PATIENCE_S = 300.0


class Fork:
    """A copy of this repository without the shop."""

    def __init__(self, root: Path) -> None:
        self.root = root
        kept = ("PATH", "HOME", "TF_", "PIP_", "UV_", "SSL_", "REQUESTS_", "LANG", "TMPDIR")
        self.env = {name: value for name, value in os.environ.items() if name.startswith(kept)}

    def make(self, *arguments: str) -> str:
        return run(["make", *arguments], cwd=self.root, env=self.env)

    def fanout(self, *arguments: str) -> str:
        return run([self.root / "build" / "venv" / "bin" / "fanout", *arguments], cwd=self.root, env=self.env)

    def handled(self) -> int:
        return handled(self.root / "build" / "venv" / "bin" / "fanout", WORKER, cwd=self.root, env=self.env)


@pytest.fixture(scope="module")
def fork(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fork]:
    root = tmp_path_factory.mktemp("fork") / "acme"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (REPOSITORY / name).exists():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, root / name, follow_symlinks=False)
    # What Terraform says of modules that a fork has not touched need not be asked again.
    if (BUILD / "steps").is_dir():
        shutil.copytree(BUILD / "steps", root / "build" / "steps")
    there = Fork(root)
    yield there
    if (root / "build" / "venv").exists():
        there.make("down")


@pytest.mark.timeout(3600)
def test_a_fork_without_the_shop_has_all_it_had(fork: Fork) -> None:
    """GIVEN a copy WHEN the page's deletions are made, and an event and a worker are added THEN check, lint, unit
    tests, plan and deployment pass, and the worker handles what is published."""
    (deletions,) = re.findall(r"```sh\n(.*?rm -r services.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    run(["bash", "-eu", "-c", deletions], cwd=fork.root, env=fork.env)
    assert [path.name for path in (fork.root / "services").iterdir()] == ["__init__.py"]

    fork.make("setup")
    fork.fanout("new", "event", EVENT, "--field", "parcel_id:str")
    fork.fanout("new", "worker", WORKER, "--on", EVENT)
    fork.fanout("check")
    fork.make("diagram-docs")
    fork.make("lint")
    fork.make("unit")
    assert "0 to remove" in fork.make("plan", "PORT=0")
    fork.make("deploy", "PORT=0")
    fork.fanout("publish", EVENT, "--data", '{"parcel_id": "1"}')

    deadline = time.monotonic() + PATIENCE_S
    while fork.handled() < 1:
        assert time.monotonic() < deadline, f"{WORKER} has not handled the event within {PATIENCE_S:.0f} s"
        time.sleep(1)
