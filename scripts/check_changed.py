"""The inner loop: declarations, ruff, mypy, and the unit tests of what has changed since main left off.

``python -m scripts.check_changed``. Of a changed module those tests run that mirror it, and those that import it. It
is no more than a quick word: what reaches a module over another one is left to ``make test``.
"""

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator, Set
from pathlib import Path, PurePosixPath
from typing import Final

from scripts import lint, steps
from scripts.paths import REPOSITORY
from scripts.steps import Step
from scripts.test_legs import CHECK, PYTEST

__all__ = ["affected_tests", "changed", "main"]

MAIN: Final = "main"
ALL: Final = ("tests/unit", "services")
_SOURCES: Final = ("shared", "router")
"""Folders that are on the path themselves: what lies in them has their name not in its own."""
_OF_ALL: Final = {
    "pyproject.toml",
    "constraints.txt",
    "requirements.lock",
    "tests/conftest.py",
    "tests/unit/conftest.py",
}
_FEW: Final = 8
"""Test files that are as fast in one process as in several, which take a second each to start."""


def changed() -> list[str]:
    """The files that differ from where this branch left main, the new ones included."""
    base = _git("merge-base", "HEAD", MAIN) or ["HEAD"]
    return sorted({*_git("diff", "--name-only", base[0]), *_git("ls-files", "--others", "--exclude-standard")})


def _git(*arguments: str) -> list[str]:
    done = subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    return done.stdout.splitlines() if done.returncode == 0 else []


def affected_tests(files: Iterable[str], repository: Path) -> list[str]:
    """The test files to run for changed files, relative to the repository."""
    files = set(files)
    if files & _OF_ALL:
        return list(ALL)
    tests = {str(path.relative_to(repository)) for home in ALL for path in (repository / home).rglob("test_*.py")}
    found = files & tests
    found |= {test for test in tests if any(_beside(test, file) for file in files)}
    modules = {_module(file) for file in files if file.endswith(".py")}
    modules |= {name for file in files for name in _published(file, repository)}
    found |= {test for test in tests if _imported(repository / test) & modules}
    return sorted(found | ({_mirror(file) for file in files} & tests))


def _beside(test: str, file: str) -> bool:
    """Whether what has changed is a worker's own, or what the tests of a folder share."""
    folder = PurePosixPath(file).parent
    shared = folder.parts[:1] == ("services",) or file.startswith("tests/unit/")
    return shared and not PurePosixPath(file).match("test_*.py") and PurePosixPath(test).is_relative_to(folder)


def _module(file: str) -> str:
    """The name that a file is imported by."""
    parts = PurePosixPath(file).with_suffix("").parts
    return ".".join(part for part in (parts[1:] if parts[0] in _SOURCES else parts) if part != "__init__")


def _published(file: str, repository: Path) -> Iterator[str]:
    """The names under which the packages around a module pass on what it defines: ``fanout.Worker``."""
    for folder in PurePosixPath(file).parents:
        package = repository / folder / "__init__.py"
        if package.exists():
            for node in ast.walk(ast.parse(package.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and node.module == _module(file):
                    yield from (f"{_module(str(folder / '__init__.py'))}.{alias.name}" for alias in node.names)


def _mirror(file: str) -> str:
    """The test file of a module, whether there is one or not."""
    *folders, name = _module(file).split(".")
    home = () if folders[:1] == ["services"] else ("tests", "unit")
    return str(PurePosixPath(*home, *folders, f"test_{name}.py"))


def _imported(test: Path) -> Set[str]:
    return set(_names(ast.parse(test.read_text(encoding="utf-8"))))


def _names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def main() -> int:
    """Check; returns the exit code."""
    checked = steps.run([CHECK])
    if steps.report(checked):
        return 1
    tests = affected_tests(changed(), REPOSITORY)
    workers = ["--numprocesses", "auto", "--dist", "loadfile"] if len(tests) > _FEW or tests == list(ALL) else []
    unit = [Step(f"unit ({len(tests)} files)", [*PYTEST, "-q", *workers, *tests])] if tests else []
    return steps.report([*checked, *steps.run([*lint.code(), *unit])])


if __name__ == "__main__":
    sys.exit(main())
