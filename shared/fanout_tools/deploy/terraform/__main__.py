"""``python -m fanout_tools.deploy.terraform ENV COMMAND [-- ARGS]``, for the roots in terraform/environments."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from fanout_tools.deploy import terraform
from fanout_tools.project import project


def main(argv: Sequence[str] | None = None) -> int:
    """Run one Terraform command for one environment; returns the exit code."""
    given = _arguments().parse_args(argv)
    passed_on = given.args[1:] if given.args[:1] == ["--"] else given.args
    try:
        root = _root(given.environment)
        terraform.init(root)
        terraform.run(root, given.command, *passed_on)
    except terraform.TerraformCommandError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except terraform.TerraformError as error:
        print(f"terraform: {error}", file=sys.stderr)
        return 2
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fanout_tools.deploy.terraform", description=__doc__)
    parser.add_argument("environment", metavar="ENV", help="a directory of terraform/environments")
    parser.add_argument("command", choices=["plan", "apply", "destroy", "output"])
    parser.add_argument("args", nargs=argparse.REMAINDER, help="passed on to Terraform")
    return parser


def _root(name: str) -> Path:
    environments = project().environments
    root = environments / name
    if not any(root.glob("*.tf")):
        known = ", ".join(sorted(path.parent.name for path in environments.glob("*/main.tf"))) or "none"
        raise terraform.TerraformError(f"there is no environment {name!r} in {environments}; there is: {known}")
    return root


if __name__ == "__main__":
    sys.exit(main())
