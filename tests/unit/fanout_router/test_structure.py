"""The router's modules are layers: none needs itself by way of others, not even for its types."""

import ast
from collections.abc import Container
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import fanout_router

PACKAGE = Path(fanout_router.__file__).parent


def imports_of(package: Path) -> dict[str, set[str]]:
    """What each module of a package imports of that package; imports for type checkers alone count as well."""
    files = {_module_name(package, path): path for path in package.rglob("*.py")}
    return {name: _imported(path, files) for name, path in files.items()}


def _module_name(package: Path, path: Path) -> str:
    return ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__")


def _imported(path: Path, modules: Container[str]) -> set[str]:
    """The modules that a file imports, whole or names out of them."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            parts = [f"{node.module}.{alias.name}" for alias in node.names]
            names |= {part if part in modules else node.module for part in parts}
    return {name for name in names if name in modules}


def circle_in(imports: dict[str, set[str]]) -> list[str]:
    """Modules that import each other in turn, the first one again at the end; empty when there are none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_module_of_the_router_imports_itself_by_way_of_others() -> None:
    assert circle_in(imports_of(PACKAGE)) == []


def test_an_import_for_type_checkers_alone_closes_a_circle(tmp_path: Path) -> None:
    # GIVEN a module that imports another, which names the first in its annotations alone
    package = tmp_path / "shop"
    package.mkdir()
    (package / "cart.py").write_text("from shop import till\n")
    (package / "till.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from shop.cart import Cart\n"
    )
    # THEN they are a circle
    assert set(circle_in(imports_of(package))) == {"shop.cart", "shop.till"}
