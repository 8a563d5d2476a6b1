"""Write the locks: what constraints.txt pins, each with the SHA-256 of all of its files.

    python -m scripts.lock

For every platform and Python that fanout supports, by uv's resolver, from the package index; run it after a change of
pyproject.toml or constraints.txt. A hash names no host: whoever serves the packages, other content is refused.
"""

import os
import subprocess
import sys

from fanout_tools import installer
from scripts.paths import REPOSITORY

__all__ = ["LOCKS", "main"]

LOCKS = {
    REPOSITORY / "requirements.lock": (("--extra", "dev", "pyproject.toml"), ""),
    REPOSITORY / "router" / "requirements.lock": (("--extra", "router", "pyproject.toml"), ""),
    REPOSITORY / "router" / "build.lock": (("-",), "mypy\nsetuptools\n"),
}
"""Development's, the router's image's, and that of what builds it, with what is resolved: arguments, standard input."""
ARGUMENTS = (
    *("pip", "compile", "--quiet", "--no-config", "--universal", "--python-version", "3.11", "--generate-hashes"),
    *("--no-header", "--no-annotate", "--no-emit-index-url", "--constraint", "constraints.txt"),
)
ELSEWHERE = {"UV_INDEX", "UV_FIND_LINKS", "UV_NO_INDEX"}
"""Not asked: a folder that has a package's files for one platform would hide those for all others."""


def main() -> int:
    """Returns the exit code."""
    uv = installer.find_uv()
    if uv is None:
        print("lock: only uv resolves for all platforms at once, and it cannot be had here", file=sys.stderr)
        return 1
    found = installer.uv_settings(installer.pip_configuration(), os.environ)
    settings = {name: value for name, value in found.items() if name not in ELSEWHERE}
    env = {**os.environ, **settings}
    for lock, (asked, given) in LOCKS.items():
        command = [uv, *ARGUMENTS, "--output-file", str(lock), *asked]
        if code := subprocess.run(command, cwd=REPOSITORY, env=env, input=given, text=True, check=False).returncode:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
