"""A README for each Terraform module: what it makes, its inputs, its outputs and its example.

Read from files as ``terraform fmt`` writes them, in which a block ends with the first brace at its line's beginning and
its arguments stand two blanks in.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from scripts.docs.markdown import cell
from scripts.paths import REPOSITORY

__all__ = ["EXAMPLES", "MODULES", "readme", "readmes"]

MODULES: Final = REPOSITORY / "terraform" / "modules"
EXAMPLES: Final = REPOSITORY / "terraform" / "examples"
_LISTED: Final = REPOSITORY / "docs" / "reference" / "terraform.md"
"""Has a row for each module, which says what it makes."""
_ROW: Final = re.compile(r"^\| `(\w+)` \| (.+) \|$", re.MULTILINE)
_LINK: Final = re.compile(r"\[([^]]+)\]\([^)]+\)")
_BLOCK: Final = re.compile(r'^(variable|output) "(\w+)" \{\n(.*?)^\}$', re.MULTILINE | re.DOTALL)
_ARGUMENT: Final = re.compile(r"^  (\w+)\s*= (.*?)(?=^  \w|\Z)", re.MULTILINE | re.DOTALL)


def readmes() -> Mapping[Path, str]:
    """The text of every module's README by its file.

    :raises LookupError: docs/reference/terraform.md does not say what a module makes.
    """
    makes = dict(_ROW.findall(_LISTED.read_text(encoding="utf-8")))
    modules = sorted(file.parent for file in MODULES.glob("*/versions.tf"))
    if unlisted := [module.name for module in modules if module.name not in makes]:
        raise LookupError(f"{_LISTED.relative_to(REPOSITORY)}: lacks a row for {', '.join(unlisted)}")
    return {module / "README.md": readme(module, makes[module.name]) for module in modules}


def readme(module: Path, makes: str) -> str:
    """The README of a module's folder.

    :param makes: what it makes, in Markdown of another folder.
    """
    text = "\n".join(file.read_text(encoding="utf-8") for file in sorted(module.glob("*.tf")))
    said = _LINK.sub(r"\1", makes)
    parts = [f"# {module.name}", f"{said[0].upper()}{said[1:]}."]
    if inputs := [_input(name, _arguments(body)) for kind, name, body in _BLOCK.findall(text) if kind == "variable"]:
        parts += [
            "## Inputs",
            "\n".join(["| input | type | default | meaning |", "|---|---|---|---|", *sorted(inputs)]),
        ]
    if outputs := [_output(name, _arguments(body)) for kind, name, body in _BLOCK.findall(text) if kind == "output"]:
        parts += ["## Outputs", "\n".join(["| output | meaning |", "|---|---|", *sorted(outputs)])]
    if (EXAMPLES / module.name / "main.tf").exists():
        parts += [
            "## Example",
            f"[A root that calls it](../../examples/{module.name}/main.tf), which `make lint` plans.",
        ]
    parts.append("Made by `make docs` from the module's own files.")
    return "\n\n".join(parts) + "\n"


def _arguments(body: str) -> dict[str, str]:
    return dict(_found(body))


def _found(body: str) -> Iterator[tuple[str, str]]:
    for name, value in _ARGUMENT.findall(body):
        yield name, value.strip()


def _input(name: str, arguments: Mapping[str, str]) -> str:
    default = f"`{_line(arguments['default'])}`" if "default" in arguments else "required"
    return f"| `{name}` | `{_line(arguments['type'])}` | {default} | {_meaning(arguments)} |"


def _output(name: str, arguments: Mapping[str, str]) -> str:
    return f"| `{name}` | {_meaning(arguments)} |"


def _meaning(arguments: Mapping[str, str]) -> str:
    return cell(arguments["description"].strip('"').replace('\\"', '"'))


def _line(value: str) -> str:
    """A type or value in one line, its lines divided as HCL allows, and without the comments between them."""
    lines = [line.partition("#")[0].strip() for line in value.splitlines()]
    joined = re.sub(r"\s+", " ", " ".join(line for line in lines if line))
    return re.sub(r"(?<=[^{(\[,]) (?=\w+ =)", ", ", joined).replace("|", "\\|")
