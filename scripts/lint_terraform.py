"""Check the format of every Terraform file, and that every environment is valid, with all the modules it calls."""

import sys
from pathlib import Path

from scripts import terraform
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
    except terraform.TerraformError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(roots)} Terraform environments are well formed and valid")
    return 0


def _validate(root: Path) -> None:
    data_dir = BUILD / "terraform" / "lint" / root.name
    terraform.init(root, "-backend=false", data_dir=data_dir)
    terraform.run(root, "validate", data_dir=data_dir, capture=True)


if __name__ == "__main__":
    sys.exit(main())
