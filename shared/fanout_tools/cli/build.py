"""``fanout build``: the packages that Lambda runs."""

from enum import StrEnum
from typing import Annotated

import typer

from fanout_tools import sbom
from fanout_tools.cli.output import print_rows
from fanout_tools.deploy import packages
from fanout_tools.deploy.packages import archive
from fanout_tools.project import project

__all__ = ["command"]


class Target(StrEnum):
    """What packages are built for."""

    LOCAL = "local"
    AWS = "aws"


def command(
    target: Annotated[Target, typer.Argument(help="local: this machine's emulators; aws: AWS Lambda.")] = Target.LOCAL,
    *,
    licences: Annotated[bool, typer.Option("--licences", help="List what the packages hold, by licence.")] = False,
) -> None:
    """Build the packages of every function, and print what was built.

    Unchanged input gives the same bytes, so that Lambda gets a new version of what has changed alone. Beside each
    package lies its bill of materials, as CycloneDX 1.6: NAME.cdx.json.

    Example: fanout build aws
    """
    out = project().build / "packages" / target
    if licences:
        for _ in packages.build(project(), target, out):
            pass
        print_rows(["name", "version", "licence", "packages"], sbom.read(out), title="what the packages hold")
        return
    for package in packages.build(project(), target, out):
        name, size = package.path.relative_to(out), package.path.stat().st_size
        note = "" if package.built else "  (unchanged)"
        print(f"{name!s:32} {size:>12,} B  {archive.sha256(package.path)[:12]}{note}", flush=True)
