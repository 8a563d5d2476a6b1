"""Check the format of every Terraform file, that an environment is valid with all the modules it calls, what a module
refuses (``terraform test`` with a mocked provider: no account, no emulator), that every example can be planned in the
same way, and what linters say of them.

    python -m scripts.lint_terraform fmt | validate ENV | test MODULE | examples | checkov | tflint
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fanout_tools.deploy import terraform
from scripts import terraform_linters
from scripts.paths import BUILD, REPOSITORY

__all__ = ["TREE", "main"]

TREE: Final = REPOSITORY / "terraform"


def main(argv: Sequence[str] | None = None) -> int:
    """Check one thing; returns the exit code."""
    given = _arguments().parse_args(argv)
    try:
        match given.check:
            case "fmt":
                terraform.run(TREE, "fmt", "-check", "-diff", "-recursive")
            case "validate":
                _validate(TREE / "environments" / given.name)
            case "test":
                _test(TREE / "modules" / given.name)
            case "examples":
                _test(TREE / "examples")
            case "checkov":
                terraform_linters.checkov(TREE)
            case _ if not terraform_linters.tflint(TREE):
                print("tflint is not on PATH: left out", file=sys.stderr)
    except (terraform.TerraformError, terraform_linters.LinterError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.lint_terraform")
    parser.add_argument("check", choices=["fmt", "validate", "test", "examples", "checkov", "tflint"])
    parser.add_argument("name", nargs="?", default="", help="an environment's or a module's folder")
    return parser


def _validate(root: Path) -> None:
    data_dir = BUILD / "terraform" / "lint" / root.name
    terraform.init(root, "-backend=false", data_dir=data_dir)
    terraform.run(root, "validate", data_dir=data_dir, capture=True)


def _test(module: Path) -> None:
    data_dir = BUILD / "terraform" / "test" / module.name
    terraform.init(module, data_dir=data_dir)
    terraform.run(module, "test", "-no-color", data_dir=data_dir)


if __name__ == "__main__":
    sys.exit(main())
