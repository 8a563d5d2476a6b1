"""Ask a service for known vulnerabilities of all that constraints.txt pins: ``make audit``.

    python -m scripts.audit [--service osv|pypi]

Exit status 0: none is known; 1: some are, they are printed; 2: nobody could be asked, which is said and is no pass.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from fanout_tools.emulators import InstallError
from fanout_tools.emulators.venvs import ensure_venv
from scripts.paths import BUILD, REPOSITORY

__all__ = ["FOUND", "NOT_ASKED", "main", "verdict"]

FOUND: Final = 1
NOT_ASKED: Final = 2
LIMIT_S: Final = 300
REQUIREMENTS: Final = Path(__file__).with_name("requirements-audit.txt")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Known vulnerabilities of what constraints.txt pins.")
    parser.add_argument("--service", choices=["osv", "pypi"], default="osv")
    service: str = parser.parse_args(arguments).service
    try:
        python = ensure_venv(BUILD / "audit" / "venv", python=Path(sys.executable), requirements=REQUIREMENTS)
    except InstallError as error:
        return _not_asked(f"pip-audit cannot be installed: {error}")
    what = ["--requirement", str(REPOSITORY / "constraints.txt"), "--no-deps", "--disable-pip"]
    command = [str(python), "-m", "pip_audit", *what, "--vulnerability-service", service, "--format", "json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        return _not_asked(f"{service} has not answered within {LIMIT_S} s")
    return verdict(done.stdout, done.stderr)


def verdict(told: str, complaint: str) -> int:
    """What pip-audit's answer comes to; it ends with 1 for what it found and for whom it could not ask alike.

    :param told: its JSON; none where it could not ask.
    """
    try:
        packages: list[dict[str, Any]] = json.loads(told)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return _not_asked(complaint.strip().rpartition("\n")[2] or "pip-audit has said nothing")
    skipped = [f"{it['name']}: {it['skip_reason']}" for it in packages if "skip_reason" in it]
    if skipped or not packages:
        return _not_asked("; ".join(skipped) or "no package was looked at")
    found = [(it, each) for it in packages for each in it["vulns"]]
    for it, each in found:
        fixed = ", ".join(each["fix_versions"]) or "no version yet"
        print(f"{it['name']} {it['version']}: {each['id']}: fixed in {fixed}")
    print(f"audit: {len(packages)} packages, {len(found)} known vulnerabilities")
    return FOUND if found else 0


def _not_asked(reason: str) -> int:
    print(f"audit: not done: {reason}", file=sys.stderr)
    return NOT_ASKED


if __name__ == "__main__":
    sys.exit(main())
