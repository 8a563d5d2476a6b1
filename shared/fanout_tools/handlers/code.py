"""What the code of a function names, as far as it can be read without running it: its tables, buckets, parameters and
secrets, and the modules that its package does not hold."""

import ast
from collections.abc import Iterator
from pathlib import Path

from fanout_tools.declarations.web import WebManifest
from fanout_tools.declarations.worker import Manifest
from fanout_tools.errors import near_miss

__all__ = ["declared_names", "problems"]

_CALLS = {
    ("fanout.resources", "table"): "table",
    ("fanout.resources", "bucket"): "bucket",
    ("fanout.parameters", "parameter"): "parameter",
    ("fanout.parameters", "secret"): "secret",
}
_MODULES = {"fanout.resources", "fanout.parameters"}
_NOT_PACKED = ("fanout_tools", "scripts", "tests")


def declared_names(manifest: Manifest | WebManifest) -> set[tuple[str, str]]:
    """Each kind and name that the function finds in its environment."""
    permitted = (resource.partition(":") for each in manifest.permissions for resource in each.resources)
    found = {(kind, name.partition("/")[0]) for kind, _, name in permitted if kind in ("table", "bucket")}
    if isinstance(manifest, Manifest):
        found |= {("parameter", name) for name in manifest.parameters}
        found |= {("secret", name) for name in manifest.secrets}
    return found


def problems(folder: Path, manifest: Manifest | WebManifest) -> Iterator[str]:
    """What is named there and not declared, and what is imported and not packed. A file that is no Python is left to
    its import."""
    declared = declared_names(manifest)
    file = "worker.yaml" if isinstance(manifest, Manifest) else "web.yaml"
    for path in _packed(folder):
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError):
            continue
        for line, kind, name in _named(tree):
            if (kind, name) not in declared:
                yield f"{path}:{line}: {kind} {name}: is not declared; {_fix(kind, name, declared, file)}"
        for line, module in _imports(tree):
            if _is_elsewhere(module, folder):
                yield f"{path}:{line}: imports {module}, which the function's package does not hold; move what it needs"


def _packed(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*.py")):
        if not path.name.startswith("test_") and path.name != "conftest.py":
            yield path


def _fix(kind: str, name: str, declared: set[tuple[str, str]], file: str) -> str:
    hint = near_miss(name, sorted(other for of, other in declared if of == kind))
    if kind in ("table", "bucket"):
        return f"{hint}name {kind}:{name} in the permissions of {file}"
    return f"{hint}name it in the {kind}s of {file}"


def _named(tree: ast.AST) -> Iterator[tuple[int, str, str]]:
    """Line, kind and name of each call with a literal of a function of fanout's."""
    functions, modules = _aliases(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = node.args[0]
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            kind = _kind(node.func, functions, modules)
            if kind is not None:
                yield node.lineno, kind, name.value


def _kind(function: ast.expr, functions: dict[str, str], modules: dict[str, str]) -> str | None:
    if isinstance(function, ast.Name):
        return functions.get(function.id)
    if isinstance(function, ast.Attribute):
        return _CALLS.get((modules.get(ast.unparse(function.value), ""), function.attr))
    return None


def _aliases(tree: ast.AST) -> tuple[dict[str, str], dict[str, str]]:
    """What the file calls the functions, by kind, and their modules; nothing that it gives another meaning too."""
    functions: dict[str, str] = {}
    modules: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for each in node.names:
                called = each.asname or each.name
                if kind := _CALLS.get((node.module, each.name)):
                    functions[called] = kind
                elif f"{node.module}.{each.name}" in _MODULES:
                    modules[called] = f"{node.module}.{each.name}"
        elif isinstance(node, ast.Import):
            modules |= {each.asname or each.name: each.name for each in node.names if each.name in _MODULES}
    for shadowed in _bound(tree):
        functions.pop(shadowed, None)
        modules.pop(shadowed, None)
    return functions, modules


def _bound(tree: ast.AST) -> Iterator[str]:
    """The names that are assigned, defined or taken as arguments somewhere in the file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name


def _imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, each.name) for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module
            if node.module == "services":
                yield from ((node.lineno, f"services.{each.name}") for each in node.names)


def _is_elsewhere(module: str, folder: Path) -> bool:
    first, _, rest = module.partition(".")
    another = first == folder.parent.name and rest.partition(".")[0] not in ("", folder.name)
    return first in _NOT_PACKED or another
