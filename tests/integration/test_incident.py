"""The incident of docs/how-to/play-an-incident.md, played: the page is the script. Somebody at the console plays it
too, with five events of a customer of their own, which fail by the same bug and are well by the same fix."""

from __future__ import annotations

import json
import time
from urllib.parse import quote

import pytest

from scripts.paths import REPOSITORY
from tests.integration.conftest import EMULATOR
from tests.integration.console_visitor import Visitor
from tests.integration.incident import Command, Play, script
from tests.integration.platform import Platform

OWN = "data.customer_id == 'c-9'"
INVOICE = {"order_id": "o-of-the-play", "customer_id": "c-9", "total": {"amount": 30, "currency": "USD"}}
PAGE = REPOSITORY / "docs" / "how-to" / "play-an-incident.md"


@pytest.mark.disturbs
@pytest.mark.skipif(EMULATOR != "ministack", reason="two deployments of some minutes: one leg plays it")
def test_the_pages_incident(platform: Platform) -> None:
    """GIVEN 200 events that a bug rejects WHEN the page's commands are run THEN each prints what the page shows, no
    event's data is printed, each event has its effect once, and nothing is left; the console shows and does the same.
    """
    play, before, printed = Play(platform, "loyalty"), points(platform, "c-1"), ""
    visitor, deploys = Visitor.of(platform), 0
    try:
        for step in script(PAGE):
            began = time.monotonic()
            printed += play.run(step)
            deploys += step == Command("fanout deploy", ())
            if isinstance(step, Command) and "--file invoices.jsonl" in step.text:
                more_invoices(play)
            elif isinstance(step, Command) and step.text == "fanout trace EVENT":
                see_it(visitor, play.words["EVENT"])
            elif step == Command("fanout deploy", ()) and deploys == 2:
                give_them_back(visitor)
            print(f"{time.monotonic() - began:6.1f} s  {step}", flush=True)
    finally:
        play.end()

    assert "o-of-the-play" not in printed + visitor.seen
    assert points(platform, "c-1") - before == 201 * 30
    assert points(platform, "c-9") == 5 * 30
    assert all(platform.item("awards", invoice_id=f"i-{number:03}") for number in range(201))
    assert not platform.dead_letters("loyalty")


def points(platform: Platform, customer: str) -> int:
    found = platform.item("points", customer_id=customer)
    return int(found["points"]) if found else 0


def more_invoices(play: Play) -> None:
    """Those of the person at the console."""
    lines = [json.dumps({"invoice_id": f"i-c{number}", **INVOICE}) for number in range(5)]
    text = f"printf '%s\\n' {' '.join(map(repr, lines))} > more.jsonl"
    printed, status = play.typed(f"{text}; fanout publish shop.billing/InvoiceIssued --file more.jsonl")
    assert status == 0, printed


def see_it(visitor: Visitor, event: str) -> None:
    """From the overview's trouble to the cause, and to one event."""
    visitor.part("/", r'<a href="/d/loyalty">loyalty: 20\d in its DLQ')
    visitor.part("/d/loyalty", r"no points for USD")
    visitor.part(f"/d/loyalty?where={quote(OWN)}", r">5 chosen<")
    visitor.part(f"/e/{event}", r"(?s)loyalty.*dead")


def give_them_back(visitor: Visitor) -> None:
    """After the fix: one's own five, in canary steps, by the forms of the page; all others stay."""
    page = f"/d/loyalty?where={quote(OWN)}"
    ended = visitor.change(visitor.part(page, r">5 chosen<"), "/d/loyalty/redrive", "USD is not foreign")
    assert "5 of 5" in ended
    assert "finished" in ended
    visitor.part(page, r">0 chosen<")
    visitor.part("/o", r"USD is not foreign")
