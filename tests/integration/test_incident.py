"""The incident of docs/how-to/play-an-incident.md, played: the page is the script."""

from __future__ import annotations

import time

import pytest

from scripts.paths import REPOSITORY
from tests.integration.conftest import EMULATOR
from tests.integration.incident import Play, script
from tests.integration.platform import Platform

PAGE = REPOSITORY / "docs" / "how-to" / "play-an-incident.md"


@pytest.mark.disturbs
@pytest.mark.skipif(EMULATOR != "ministack", reason="two deployments of some minutes: one leg plays it")
def test_the_pages_incident(platform: Platform) -> None:
    """GIVEN 200 events that a bug rejects WHEN the page's commands are run THEN each prints what the page shows, no
    event's data is printed, each event has its effect once, and nothing is left."""
    play, before, printed = Play(platform, "loyalty"), points(platform), ""
    try:
        for step in script(PAGE):
            began = time.monotonic()
            printed += play.run(step)
            print(f"{time.monotonic() - began:6.1f} s  {step}", flush=True)
    finally:
        play.end()

    assert "o-of-the-play" not in printed
    assert points(platform) - before == 201 * 30
    assert all(platform.item("awards", invoice_id=f"i-{number:03}") for number in range(201))
    assert not platform.dead_letters("loyalty")


def points(platform: Platform) -> int:
    found = platform.item("points", customer_id="c-1")
    return int(found["points"]) if found else 0
