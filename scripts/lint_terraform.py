"""Check the format of every Terraform file, that every environment is valid with all the modules it calls, what the
modules refuse (``terraform test`` with a mocked provider: no account, no emulator), and what linters say of them."""

import sys
import time
from pathlib import Path

from fanout_tools.deploy import terraform
from scripts import terraform_linters
from scripts.paths import BUILD, REPOSITORY

__all__ = ["main"]

TREE = REPOSITORY / "terraform"


def main() -> int:
    """Check all; returns the exit code."""
    try:
        terraform.run(TREE, "fmt", "-check", "-diff", "-recursive")
        roots = sorted(file.parent for file in TREE.glob("environments/*/main.tf"))
        for root in roots:
            _validate(root)
        tested = sorted({file.parent.parent for file in TREE.glob("modules/*/tests/*.tftest.hcl")})
        for module in tested:
            _test(module)
        terraform_linters.checkov(TREE)
        if not terraform_linters.tflint(TREE):
            print("tflint is not on PATH: left out", file=sys.stderr)
    except (terraform.TerraformError, terraform_linters.LinterError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(roots)} Terraform environments are well formed and valid; {len(tested)} modules pass their tests")
    return 0


def _validate(root: Path) -> None:
    data_dir = BUILD / "terraform" / "lint" / root.name
    terraform.init(root, "-backend=false", data_dir=data_dir)
    terraform.run(root, "validate", data_dir=data_dir, capture=True)


def _test(module: Path) -> None:
    data_dir, began = BUILD / "terraform" / "test" / module.name, time.monotonic()
    terraform.init(module, data_dir=data_dir)
    terraform.run(module, "test", data_dir=data_dir)
    print(f"{module.name}: tested in {time.monotonic() - began:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
