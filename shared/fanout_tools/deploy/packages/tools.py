"""What of the tools a function of the operator's holds: a module, and what it imports of them, wherever it does so."""

import ast
from collections.abc import Iterator
from pathlib import Path

import fanout_tools

__all__ = ["FOLDER", "data", "modules"]

FOLDER = Path(fanout_tools.__file__).parent


def modules(entry: str) -> dict[str, Path]:
    """The files of a module and of all that it needs of ``fanout_tools``, by their names in a package.

    :param entry: such as ``fanout_tools.canary.scheduled``.
    """
    found: dict[str, Path] = {}
    waiting = [entry]
    while waiting:
        file = _file(waiting.pop())
        if file is None or file in found.values():
            continue
        found[f"fanout_tools/{file.relative_to(FOLDER).as_posix()}"] = file
        waiting += _imported(ast.parse(file.read_text(encoding="utf-8")))
        waiting.append(_package(file))
    return found


def data(folder: Path) -> Iterator[tuple[str, bytes]]:
    """What modules of a folder may read: files that are no modules, and all of folders without any, by their names
    relative to the tools."""
    for entry in sorted(folder.iterdir()):
        found = entry.rglob("*") if entry.is_dir() and not any(entry.rglob("*.py")) else [entry]
        for file in found:
            if file.is_file() and file.suffix not in (".py", ".pyc"):
                yield file.relative_to(FOLDER).as_posix(), file.read_bytes()


def _file(name: str) -> Path | None:
    """The module's, where it is one of the tools."""
    root, *parts = name.split(".")
    if root != FOLDER.name:
        return None
    path = FOLDER.joinpath(*parts)
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.exists()), None)


def _package(file: Path) -> str:
    """The package that Python imports before the module."""
    folder = file.parent.parent if file.name == "__init__.py" else file.parent
    return ".".join(folder.relative_to(FOLDER.parent).parts)


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)  # a name may be a module
        yield from _imported(node)
