"""What the README and the how-to pages have a reader paste does what they say."""

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import pytest

from scripts.paths import REPOSITORY

HOW_TO = REPOSITORY / "docs" / "how-to"
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
TIMEOUT_S = 120


def blocks(page: Path, language: str) -> list[str]:
    """The page's code of a language, without the indentation of the list that it stands in."""
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [textwrap.dedent(code) for _, name, code in found if name == language]


def files(page: Path) -> dict[str, str]:
    """The page's code by the path that its first line names in a comment."""
    code = [*blocks(page, "yaml"), *blocks(page, "python")]
    named = [(re.match(r"# ([\w./-]+\.(?:py|yaml))", it), it) for it in code]
    return {path[1]: it for path, it in named if path}


def run(folder: Path, *command: str, path: Sequence[Path]) -> str:
    """Run Python with these arguments in the folder; returns what it wrote to standard output."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env={**environment, "PYTHONPATH": os.pathsep.join(map(str, path))},
        capture_output=True, text=True, check=False, timeout=TIMEOUT_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


FANOUT = """
import os, shlex, sys
from fanout_tools.cli.app import run
for line in sys.argv[1:]:
    if line.startswith("cd "):
        os.chdir(line.removeprefix("cd "))
    elif not os.fork():
        code = run(shlex.split(line.removeprefix("fanout ")))
        sys.stdout.flush()
        os._exit(code)
    else:
        assert os.wait()[1] == 0, line
"""
"""Commands of ``fanout``, each in a process of its own, but imported once: that takes a second."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPOSITORY).as_posix())
def test_python_in_a_page_is_python(page: Path) -> None:
    for code in blocks(page, "python"):
        compile(code, page.name, "exec")


def test_the_readmes_worker_is_a_passing_test(tmp_path: Path) -> None:
    """GIVEN README's two files in an empty folder WHEN pytest runs THEN it passes; the Python is 12 lines at most."""
    pasted = files(REPOSITORY / "README.md")
    for name, text in pasted.items():
        (tmp_path / name).write_text(text)

    passed = run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", path=[REPOSITORY / "shared"])

    assert pasted.keys() == {"worker.yaml", "test_stock.py"}
    assert "1 passed" in passed
    assert len([line for line in pasted["test_stock.py"].splitlines()[1:] if line.strip()]) <= 12


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project without events and workers."""
    contracts = tmp_path / "shared" / "contracts"
    contracts.mkdir(parents=True)
    (contracts / "__init__.py").touch()
    (tmp_path / "pyproject.toml").write_text('[tool.fanout]\ncontracts = "shared/contracts"\n')
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "__init__.py").touch()
    return tmp_path


@pytest.mark.timeout(300)
def test_an_event_and_a_worker_as_the_pages_say(shop: Path) -> None:
    """GIVEN a project WHEN a reader follows "add an event", "add a worker" and "test a worker" THEN `fanout check` and
    the worker's test pass."""
    pasted = {name: text for page in ("add-an-event", "add-a-worker", "test-a-worker") for name, text in
              files(HOW_TO / f"{page}.md").items()}  # fmt: skip
    for name, text in pasted.items():
        (shop / name).parent.mkdir(exist_ok=True)
        (shop / name).write_text(text)
    (shop / "services" / "tracking" / "__init__.py").touch()
    path = [shop / "shared", shop, REPOSITORY / "shared"]
    [commands, *_] = blocks(HOW_TO / "add-an-event.md", "sh")

    checked = run(shop, "-c", FANOUT, *commands.splitlines(), "fanout check", path=path)
    tested = run(shop, "-m", "pytest", "-q", "-p", "no:cacheprovider", "services", path=path)

    assert set(pasted) == {
        "shared/contracts/shipping.py",
        "services/tracking/worker.yaml",
        "services/tracking/handler.py",
        "services/tracking/test_handler.py",
    }
    assert checked.endswith("declarations: all well\n")
    assert "1 passed" in tested


@pytest.mark.timeout(300)
def test_the_tutorials_worker_is_what_it_says(tmp_path: Path) -> None:
    """GIVEN an empty folder WHEN a reader follows the first tutorial up to its second deployment THEN all checks and
    tests pass."""
    page = REPOSITORY / "docs" / "tutorial" / "first-worker.md"
    lines = [
        line for code in blocks(page, "sh") for line in code.splitlines() if line.startswith(("fanout new ", "cd "))
    ]
    handler, added = blocks(page, "python")
    shop = tmp_path / "shop"

    run(tmp_path, "-c", FANOUT, *lines, path=[REPOSITORY / "shared"])
    worker = shop / "services" / "tracking"
    (worker / "handler.py").write_text(handler)
    (worker / "test_handler.py").write_text(f"{(worker / 'test_handler.py').read_text()}\n{added}")
    path = [shop, REPOSITORY / "shared"]

    assert run(shop, "-c", FANOUT, "fanout check", path=path) == "declarations: all well\n"
    assert "3 passed" in run(shop, "-m", "pytest", "-q", "-p", "no:cacheprovider", path=path)
