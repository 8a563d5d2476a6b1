"""Make the development environment, build/venv: ``python3 -m scripts.set_up``, as every target of the Makefile does.

Nothing is installed yet when it runs: it imports Python's own library, and what needs no more.
"""

import os
import sys
from pathlib import Path

from scripts.paths import BUILD, REPOSITORY

__all__ = ["main"]

OLDEST = (3, 11)


def main() -> int:
    """Make it anew; returns the exit code."""
    if sys.version_info < OLDEST:
        print(f"fanout needs Python 3.11 or later; {sys.executable} is older: set PYTHON=/path/to/python3.11")
        return 1
    os.chdir(REPOSITORY)
    sys.path.insert(0, str(REPOSITORY / "shared"))
    from fanout_tools import installer

    venv = BUILD / "venv"
    marker = venv / ".ready"
    try:
        with installer.locked(venv.with_name("venv.lock")) as lock:
            marker.unlink(missing_ok=True)
            python = installer.create(venv, Path(sys.executable), lock=lock)
            # Each by its hash, which both installers check where one is given: nobody can exchange a file.
            installer.install(python, ["--no-deps", "--requirement", "requirements.lock"], lock=lock)
            installer.install(python, ["--no-deps", "--no-build-isolation", "--editable", "."], lock=lock)
            marker.touch()
    except installer.InstallFailedError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
