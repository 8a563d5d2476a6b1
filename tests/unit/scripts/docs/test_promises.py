"""Each promise of the security page names the test that holds it, and each test that it names exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import pytest

from scripts.paths import REPOSITORY

pytestmark = pytest.mark.shop  # a fork's page may still tell of what the shop's tests hold

PAGE = (REPOSITORY / "docs" / "explanation" / "security.md").read_text(encoding="utf-8")
HEAD = "| stopped by | where | held by |"
NAMED = re.compile(r"`(test_\w+|[a-z_]+/[a-z_]+)`")


def promises() -> Iterator[tuple[str, str]]:
    """Each with what holds it."""
    for section in PAGE.split(HEAD)[1:]:
        for line in section.split("\n\n")[0].splitlines()[2:]:
            promise, _, held = (cell.strip() for cell in line.strip("|").split("|"))
            yield promise, held


@cache
def known() -> frozenset[str]:
    """The functions of pytest, and Terraform's runs by module."""
    found = set[str]()
    for folder in ("tests", "services"):
        for file in (REPOSITORY / folder).rglob("test_*.py"):
            found.update(re.findall(r"^ *def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE))
    for file in (REPOSITORY / "terraform" / "modules").glob("*/tests/*.tftest.hcl"):
        runs = re.findall(r'^run "(\w+)"', file.read_text(encoding="utf-8"), re.MULTILINE)
        found.update(f"{file.parent.parent.name}/{run}" for run in runs)
    return frozenset(found)


@pytest.mark.parametrize(("promise", "held"), list(promises()), ids=[promise[:60] for promise, _ in promises()])
def test_a_promise_names_what_holds_it(promise: str, held: str) -> None:
    """GIVEN a promise WHEN read THEN it names tests, and each of them is there."""
    named = NAMED.findall(held)

    assert named, f"nothing holds: {promise}"
    assert set(named) <= known()


def test_every_test_that_the_page_names_is_there() -> None:
    """GIVEN the page WHEN read THEN what it names beside its promises is there too."""
    named = {name for name in re.findall(r"`(test_\w+)`", PAGE) if name.count("_") > 1}

    assert named - known() == set()
    assert len(named) > 40
    assert sum(1 for _ in promises()) > 50
