"""docs/reference/environment-variables.md names each environment variable that the code reads or Terraform sets."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from scripts.paths import REPOSITORY

PAGE = (REPOSITORY / "docs/reference/environment-variables.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`([A-Z_][A-Z0-9_a-z]+)`", PAGE))
ROOMS = ("shared/fanout", "shared/fanout_tools", "router/fanout_router")
OURS = re.compile(r"FANOUT_[A-Z_]*[A-Z]")

ENVIRONMENT = ("os.environ", "environ")

NOT_OURS = {"PATH", "PYTHONPATH", "TMPDIR", "TEMP"}
"""Any program's."""
FAMILIES = ("DISPATCH_", "PARAMETER_", "SECRET_", "TABLE_", "BUCKET_", "TF_CLI_ARGS_")
"""Named by what follows; the page has one entry for each."""


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for room in ROOMS:
        for path in sorted((REPOSITORY / room).rglob("*.py")):
            if "localstack_plugin" not in path.parts:
                yield path, ast.parse(path.read_text(encoding="utf-8"))


def read_in(tree: ast.AST) -> Iterator[str]:
    """What is read of ``os.environ``, as a subscript or by ``get``, and every constant of the form FANOUT_X."""
    for node in ast.walk(tree):
        key: ast.expr | None = None
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) in ENVIRONMENT:
            key = node.slice
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            asked = node.func.attr in ("get", "setdefault") and ast.unparse(node.func.value) in ENVIRONMENT
            key = node.args[0] if asked else None
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and OURS.fullmatch(node.value):
            key = node
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            yield key.value


def test_a_variable_is_found_however_it_is_read() -> None:
    """GIVEN the ways to read the environment WHEN code uses them THEN the variable is found."""
    code = 'os.environ["A"]; os.environ.get("B", ""); environ.get("C"); _environment("FANOUT_D"); shelf["E"]'
    assert set(read_in(ast.parse(code))) == {"A", "B", "C", "FANOUT_D"}


def test_every_variable_that_is_read_is_in_the_reference() -> None:
    read = {name for _, tree in sources() for name in read_in(tree)} - NOT_OURS
    assert len(read) > 20
    assert {name for name in read if name not in NAMED and not name.startswith(FAMILIES)} == set()


def test_every_variable_of_ours_in_the_reference_is_there() -> None:
    """GIVEN the page WHEN a variable is no longer read or set anywhere THEN its line goes too."""
    files = [*(path for path, _ in sources()), *(REPOSITORY / "shared/fanout_tools/emulators").rglob("*.py"),
             *(REPOSITORY / "terraform").rglob("*.tf"), *(REPOSITORY / "tests/integration").rglob("*.py"),
             REPOSITORY / "Makefile"]  # fmt: skip
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    assert [name for name in sorted(NAMED) if OURS.fullmatch(name) and name not in text] == []
