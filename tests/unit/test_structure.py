"""The house is split by where code runs; each room imports what is there at run time, and no more."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from fanout_tools.deploy.packages.workers import core
from fanout_tools.project import REPOSITORY
from tests.unit.fanout_router.test_structure import circle_in

OURS = {"fanout", "fanout_tools", "fanout_router", "contracts", "services", "scripts", "tests"}

ROOMS = {
    "shared/fanout": {"fanout"},
    "shared/fanout_tools": {"fanout", "fanout_tools"},
    "router/fanout_router": {"fanout_router"},
}
"""What each may import of ours: a function's package, an operator's laptop and the router's container hold no more."""

ALLOWED = {("shared/fanout/processing/settings.py", "fanout_tools")}
"""A worker whose declaration is not packed, in its own tests: on a laptop the tools are there to read it."""


def imports(tree: ast.AST) -> Iterator[str]:
    """The modules that a syntax tree imports, wherever it does so."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_what_is_there_at_run_time(room: str) -> None:
    found = {
        (path.relative_to(REPOSITORY).as_posix(), module.partition(".")[0])
        for path in (REPOSITORY / room).rglob("*.py")
        if "localstack_plugin" not in path.parts
        for module in imports(ast.parse(path.read_text()))
    }
    wrong = {(path, package) for path, package in found if package in OURS - ROOMS[room]}
    assert wrong - ALLOWED == set()


def test_all_of_the_core_is_packed() -> None:
    """GIVEN the core WHEN a function is packed THEN all its modules are in the package: nothing is filtered out."""
    core_folder = REPOSITORY / "shared" / "fanout"
    modules = {f"fanout/{path.relative_to(core_folder).as_posix()}" for path in core_folder.rglob("*.py")}
    assert modules <= core(REPOSITORY).keys()


@pytest.mark.parametrize("room", ROOMS)
def test_no_module_imports_itself_by_way_of_others(room: str) -> None:
    folder = REPOSITORY / room
    files = {_name(path, folder): path for path in folder.rglob("*.py") if "localstack_plugin" not in path.parts}
    assert circle_in({name: _at_run_time(path, files.keys()) for name, path in files.items()}) == []


def _name(path: Path, folder: Path) -> str:
    return ".".join(path.relative_to(folder.parent).with_suffix("").parts).removesuffix(".__init__")


def _at_run_time(path: Path, modules: object) -> set[str]:
    """What of the modules is imported when this one is: not for types alone, not by a function that is called later."""
    found = set()
    for node in _top_level(ast.parse(path.read_text()).body):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            parts = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {part if part in modules else node.module for part in parts}  # type: ignore[operator]
    return {name for name in found if name in modules}  # type: ignore[operator]


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        for inner in ("body", "orelse", "handlers"):
            if isinstance(node, ast.If | ast.Try):
                yield from _top_level(getattr(node, inner, []))
