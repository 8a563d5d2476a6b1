"""Linters of Terraform beside Terraform's own: what is unsafe (checkov), what is left over or out of date (tflint).

checkov runs everywhere, in a virtual environment of its own: it pins older libraries than fanout uses. tflint is a
program that no package registry of Python's has: it runs where it is on PATH. Neither needs the network then.
"""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fanout_tools.emulators import InstallError
from fanout_tools.emulators.venvs import ensure_venv
from scripts.paths import BUILD

__all__ = ["LinterError", "checkov", "tflint"]

REQUIREMENTS: Final = Path(__file__).with_name("requirements-checkov.txt")


class LinterError(Exception):
    """A linter cannot run, or has found something; it has printed what."""


def checkov(tree: Path) -> None:
    """Look over all of a tree by its ``checkov.yaml``.

    :raises LinterError: it finds something, or cannot be installed.
    """
    try:
        python = ensure_venv(BUILD / "checkov" / "venv", python=Path(sys.executable), requirements=REQUIREMENTS)
    except InstallError as error:
        raise LinterError(str(error)) from error
    _run(
        "checkov",
        [str(python), "-m", "checkov.main", "--directory", str(tree), "--config-file", str(tree / "checkov.yaml")],
        fix="fix it, or leave the check out with a reason in terraform/checkov.yaml",
    )


def tflint(tree: Path) -> bool:
    """Look over all of a tree by its ``.tflint.hcl``; returns whether tflint is there to do so.

    :raises LinterError: it finds something.
    """
    program = shutil.which("tflint")
    if program is None:
        return False
    _run(
        "tflint",
        [program, f"--chdir={tree}", "--recursive", f"--config={tree / '.tflint.hcl'}"],
        fix="fix it, or turn the rule off with a reason in terraform/.tflint.hcl",
    )
    return True


def _run(name: str, command: Sequence[str], *, fix: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        print(done.stdout, file=sys.stderr)
        raise LinterError(f"{name} has ended with {done.returncode}: {fix}")
