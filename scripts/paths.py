"""Where this repository is: for its laboratory and its tests. What works on any project asks for the project."""

from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[1]
BUILD: Final = REPOSITORY / "build"
