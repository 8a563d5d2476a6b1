"""Programs for developers of fanout: builds, emulators, checks, benchmarks; never part of a function.

The shop's contracts are a project's, and no part of the installed distribution: they are found where they lie.
"""

import sys

from scripts.paths import REPOSITORY

sys.path.append(str(REPOSITORY / "shared"))
