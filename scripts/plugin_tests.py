"""Run the tests of fanout's LocalStack plugin where it runs: in LocalStack's virtual environment.

``python -m scripts.plugin_tests [pytest arguments]``
"""

import os
import subprocess
import sys

from fanout_tools.emulators.localstack import PLUGIN, ensure_function_python, ensure_localstack_python
from fanout_tools.emulators.model import InstallError

__all__ = ["main"]


def main(arguments: list[str]) -> int:
    """Make both virtual environments if need be, and run pytest; returns its exit code."""
    try:
        python, function_python = ensure_localstack_python(), ensure_function_python()
    except InstallError as error:
        print(f"plugin-test: {error}", file=sys.stderr)
        return 1
    environment = os.environ | {"FANOUT_FUNCTION_PYTHON": str(function_python)}
    command = [str(python), "-m", "pytest", *arguments]
    return subprocess.run(command, cwd=PLUGIN, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
