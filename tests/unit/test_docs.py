"""The docs name files that there are."""

import re
from pathlib import Path

import pytest

from scripts.paths import REPOSITORY

PAGES = [*sorted((REPOSITORY / "docs").glob("*.md")), *sorted(REPOSITORY.glob("*.md"))]
ROOTS = [
    REPOSITORY,
    *(
        REPOSITORY / name
        for name in ("shared", "router", "terraform", "tests", "tests/unit", "tests/unit/fanout_router", "docs")
    ),
]
"""What a path in the docs may be relative to."""

NAMED = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|tf|hcl|md|yaml|json|txt|toml))(?:::\w+)?`")
EXAMPLES = ("build/", "services/tracking/", "services/NAME/")
"""What commands make, and what a reader is asked to write."""


def _named(page: Path) -> list[str]:
    return [name for name in NAMED.findall(page.read_text(encoding="utf-8")) if not name.startswith(EXAMPLES)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_file_that_a_page_names_is_there(page: Path) -> None:
    gone = [name for name in _named(page) if not any((root / name).exists() for root in ROOTS)]
    assert gone == []
