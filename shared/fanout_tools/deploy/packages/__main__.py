"""``python -m fanout_tools.deploy.packages local|aws``: build, and print what was built."""

import argparse
import sys
from collections.abc import Sequence

from fanout.errors import ManifestError
from fanout_tools.deploy.packages import archive, build
from fanout_tools.errors import ToolError
from fanout_tools.project import project


def main(argv: Sequence[str] | None = None) -> int:
    """Build the packages of one target; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m fanout_tools.deploy.packages", description=__doc__)
    parser.add_argument("target", choices=["local", "aws"])
    target = parser.parse_args(argv).target
    out = project().build / "packages" / target
    try:
        for package in build(project(), target, out):
            name, size = package.path.relative_to(out), package.path.stat().st_size
            note = "" if package.built else "  (unchanged)"
            print(f"{name!s:32} {size:>12,} B  {archive.sha256(package.path)[:12]}{note}", flush=True)
    except (ToolError, ManifestError) as error:
        print(f"packages: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
