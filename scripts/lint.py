"""All that is checked without running a worker: declarations first, then code, Terraform and the proof of the plans.

``python -m scripts.lint``. What Terraform says of a module, an environment or a plan is asked for again only when
something that it is made of has changed since it was last well; in CI always.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fanout_tools.deploy.terraform.binary import version
from fanout_tools.deploy.terraform.errors import TerraformMissingError
from scripts import steps
from scripts.lint_terraform import TREE
from scripts.paths import REPOSITORY
from scripts.steps import Step
from scripts.test_legs import CHECK

__all__ = ["code", "docs", "main", "terraform"]

WHOLE: Final = ["--whole"] if (REPOSITORY / "services" / "storefront").exists() else []
"""With the sample shop the plans hold all that fanout allows; without it an allowance may be unused."""

PROVEN: Final = ("local", "prod")
"""The environments of whose plans it is proven that no event is lost."""
_DECLARED: Final = (REPOSITORY / "services", REPOSITORY / "shared" / "contracts" / "schemas")
_TOOLS: Final = REPOSITORY / "shared" / "fanout_tools"
_OURS: Final = (REPOSITORY / "scripts" / "lint_terraform.py", _TOOLS / "deploy" / "terraform")
_CALLED: Final = re.compile(r'^\s*source\s*=\s*"(\.\.?/[^"]*)"', re.MULTILINE)


def code() -> Iterator[Step]:
    """ruff and mypy, over all: both are fast, and mypy keeps what it knows of unchanged modules."""
    tools = Path(sys.executable).parent
    yield Step("mypy", [str(tools / "mypy"), "shared", "router", "services", "scripts", "tests"])
    yield Step("ruff check", [str(tools / "ruff"), "check", "."])
    yield Step("ruff format", [str(tools / "ruff"), "format", "--check", "."])


def docs() -> Iterator[Step]:
    """The site, built strictly: a link, an anchor or a documented name that is not there fails."""
    read = [REPOSITORY / name for name in ("docs", "mkdocs.yml", "shared", "router", "scripts/docs", "constraints.txt")]
    yield Step("docs", [sys.executable, "-m", "scripts.docs"], inputs=read)


def terraform() -> Iterator[Step]:
    """The longest first.

    :raises TerraformMissingError: there is no usable Terraform.
    """
    known = version()
    for environment in PROVEN:
        python = (REPOSITORY / "shared" / "fanout", _TOOLS, REPOSITORY / "constraints.txt")
        command = [str(Path(sys.executable).with_name("fanout")), "check-plan", environment, *WHOLE]
        yield Step(f"check-plan {environment}", command, inputs=(TREE, *_DECLARED, *python), versions=known)
    modules = {file.parent.parent for file in TREE.glob("modules/*/tests/*.tftest.hcl")}
    for module in sorted(modules, key=lambda each: (-_size(each), each)):
        yield _step("test", module, known)
    if (examples := TREE / "examples").exists():
        yield Step(
            "terraform examples", _command("examples"), inputs=(TREE / "modules", examples, *_OURS), versions=known
        )
    for root in sorted(file.parent for file in TREE.glob("environments/*/main.tf")):
        yield _step("validate", root, known)
    checkov = REPOSITORY / "scripts" / "requirements-checkov.txt"
    yield Step("checkov", _command("checkov"), inputs=(TREE, checkov, REPOSITORY / "scripts" / "terraform_linters.py"))
    yield Step("tflint", _command("tflint"))
    yield Step("terraform fmt", _command("fmt"))


def _step(check: str, folder: Path, known: str) -> Step:
    # A declaration is no part of a module; only the tests of the platform, and whoever calls it, read them.
    sources = _called(folder)
    read = _DECLARED if TREE / "modules" / "platform" in sources else ()
    command = _command(check, folder.name)
    return Step(f"terraform {check} {folder.name}", command, inputs=(*sorted(sources), *read, *_OURS), versions=known)


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "scripts.lint_terraform", *arguments]


def _called(folder: Path) -> set[Path]:
    """A module's folder, and those of the modules that it calls, and so on."""
    found, left = set[Path](), [folder.resolve()]
    while left:
        if (each := left.pop()) not in found:
            found.add(each)
            text = "\n".join(file.read_text(encoding="utf-8") for file in each.rglob("*.*") if _is_terraform(file))
            left += [(each / path).resolve() for path in _CALLED.findall(text)]
    return found


def _is_terraform(file: Path) -> bool:
    return file.suffix in (".tf", ".hcl") and ".terraform" not in file.parts


def _size(module: Path) -> int:
    return sum(file.stat().st_size for file in module.glob("tests/*.tftest.hcl"))


def main() -> int:
    """Check all; returns the exit code."""
    checked = steps.run([CHECK])
    if steps.report(checked):
        return 1
    try:
        left = [*code(), *docs(), *terraform()]
    except TerraformMissingError as error:
        print(error, file=sys.stderr)
        return 1
    return steps.report([*checked, *steps.run(left)])


if __name__ == "__main__":
    sys.exit(main())
