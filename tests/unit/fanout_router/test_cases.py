"""The table of test cases in docs/reference/router-tests.md names tests that there are."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TABLE = (ROOT / "docs/reference/router-tests.md").read_text().partition("## Ordinary apps and clients")[2]


def named() -> list[tuple[str, str]]:
    """(file, test) of every test in the table; a name without a file is of the file named last."""
    found, file = [], ""
    for name in re.findall(r"`((?:[a-z0-9_/]+\.py)?::[A-Za-z0-9_:]+)`", TABLE):
        path, _, test = name.rpartition("::")
        path = path.partition("::")[0]
        file = path or file
        found.append((file, test))
    return found


@pytest.mark.parametrize(("file", "test"), named())
def test_the_table_names_a_test_that_there_is(file: str, test: str) -> None:
    base = ROOT / "tests" if file.startswith(("e2e/", "unit/")) else Path(__file__).parent
    assert f"def {test}(" in (base / file).read_text()


def test_every_case_has_a_test_or_a_reason() -> None:
    rows = [row for row in TABLE.splitlines() if row.startswith("|") and not row.startswith(("| case", "|---"))]
    assert len(rows) > 55
    for row in rows:
        assert "`" in row or "does not apply" in row, row
