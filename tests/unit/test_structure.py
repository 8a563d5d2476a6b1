"""The house is split by where code runs; each room imports what is there at run time, and no more."""

import ast
from collections.abc import Container, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from fanout_tools.deploy.packages.functions import core
from scripts.paths import REPOSITORY

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
    assert modules <= core().keys()


@pytest.mark.parametrize("room", ROOMS)
def test_no_module_imports_itself_by_way_of_others(room: str) -> None:
    folder = REPOSITORY / room
    files = {_name(path, folder): path for path in folder.rglob("*.py") if "localstack_plugin" not in path.parts}
    assert circle_in({name: _at_run_time(path, files.keys()) for name, path in files.items()}) == []


def circle_in(imports: dict[str, set[str]]) -> list[str]:
    """Modules that import each other in turn, the first one again at the end; empty when there are none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_a_circle_is_found_but_not_one_of_types_alone(tmp_path: Path) -> None:
    """GIVEN two modules that import each other WHEN one does so for its types alone THEN they are no circle."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "cart.py").write_text("from shop import till\n")
    files = {"shop.cart": folder / "cart.py", "shop.till": folder / "till.py"}
    for text, found in (
        ("from shop.cart import Cart\n", {"shop.cart", "shop.till"}),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from shop.cart import Cart\n", set()),
    ):
        (folder / "till.py").write_text(text)
        assert set(circle_in({name: _at_run_time(path, files.keys()) for name, path in files.items()})) == found


PUBLIC = {"_replace", "_asdict", "_fields", "_make", "_exit", "_create_unverified_context"}
"""Of named tuples, ``os`` and ``ssl``: private by their names alone."""


def privates(tree: ast.AST) -> Iterator[str]:
    """The private names that a syntax tree imports, patches, or reads of what is not its own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names if _is_private(alias.name))
        elif isinstance(node, ast.Attribute) and _is_private(node.attr) and ast.unparse(node.value) != "self":
            yield node.attr
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".setattr"):
            texts = [str(each.value).rpartition(".")[2] for each in node.args[:2] if isinstance(each, ast.Constant)]
            yield from filter(_is_private, texts)


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in PUBLIC


def test_tests_go_by_the_public_way() -> None:
    """GIVEN the tests of all rooms WHEN they are read THEN none knows a private name."""
    files = [*(REPOSITORY / "tests").rglob("*.py"), *(REPOSITORY / "services").rglob("test_*.py")]
    found = {
        (file.relative_to(REPOSITORY).as_posix(), name)
        for file in files
        for name in privates(ast.parse(file.read_text()))
    }
    assert found == set()


def test_a_private_name_is_found() -> None:
    """GIVEN an import, a patch and a look at private names WHEN a test is read THEN each is found."""
    source = """
from shop.till import _count
monkeypatch.setattr(till, "_open", None)
monkeypatch.setattr("shop.till._drawer", None)
assert till._coins == record._replace(coins=1) == self._own
"""
    assert sorted(privates(ast.parse(source))) == ["_coins", "_count", "_drawer", "_open"]


def _name(path: Path, folder: Path) -> str:
    return ".".join(path.relative_to(folder.parent).with_suffix("").parts).removesuffix(".__init__")


def _at_run_time(path: Path, modules: Container[str]) -> set[str]:
    """What of the modules is imported when this one is: not for types alone, not by a function that is called later."""
    found = set()
    for node in _top_level(ast.parse(path.read_text()).body):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            parts = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {part if part in modules else node.module for part in parts}
    return {name for name in found if name in modules}


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        for inner in ("body", "orelse", "handlers"):
            if isinstance(node, ast.If | ast.Try):
                yield from _top_level(getattr(node, inner, []))
