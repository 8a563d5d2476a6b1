"""The tests that need an emulator, each leg in a run of its own: LocalStack, MiniStack with IAM enforced, end to end.

``python -m scripts.test_legs``. Where LocalStack cannot run (no Python 3.13), its leg is left out with a word on why;
in CI that is a failure. Legs go on after a failed one, so that one run tells everything.
"""

import os
import subprocess
import sys
from collections.abc import Mapping

from scripts.emulators import PythonMissingError
from scripts.emulators.pythons import find_python
from scripts.paths import REPOSITORY

LEGS: Mapping[str, tuple[list[str], dict[str, str]]] = {
    "integration on LocalStack": (["tests/integration"], {"FANOUT_TEST_EMULATOR": "localstack"}),
    "integration on MiniStack": (["tests/integration"], {"FANOUT_TEST_EMULATOR": "ministack"}),
    "end to end": (["tests/e2e"], {}),
}


def main() -> int:
    """Run the legs; returns the exit code."""
    legs, failed = dict(LEGS), []
    try:
        find_python("3.13")
    except PythonMissingError as error:
        print(f"left out: integration on LocalStack: {error}", file=sys.stderr)
        del legs["integration on LocalStack"]
        if os.environ.get("CI"):
            failed.append("integration on LocalStack")
    for name, (paths, variables) in legs.items():
        print(f"== {name}", flush=True)
        command = [sys.executable, "-m", "pytest", *paths]
        if subprocess.run(command, cwd=REPOSITORY, env={**os.environ, **variables}, check=False).returncode:
            failed.append(name)
    for name in failed:
        print(f"failed: {name}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
