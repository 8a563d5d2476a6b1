"""``python -m scripts.docs``: build the site into build/docs, strictly; with ``--write`` the made pages anew first."""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

from scripts.docs import pages
from scripts.paths import BUILD, REPOSITORY

__all__ = ["main"]

SITE: Final = BUILD / "docs"


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit code: 1 where a page is out of date, a link leads nowhere, or a documented name is gone."""
    parser = argparse.ArgumentParser(prog="python -m scripts.docs", description="Build the documentation's site.")
    parser.add_argument("--write", action="store_true", help="write the pages that are made of the code anew")
    if parser.parse_args(argv).write:
        pages.write()
    if stale := [str(page.relative_to(REPOSITORY)) for page in pages.stale()]:
        print(f"docs: not what the code says: {', '.join(stale)}; run `make docs`", file=sys.stderr)
        return 1
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(SITE)]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}  # the theme's word on its successor
    code = subprocess.run(command, cwd=REPOSITORY, env=quiet, check=False).returncode
    if not code:
        print(f"docs: {SITE / 'index.html'}")
    return code


if __name__ == "__main__":
    sys.exit(main())
