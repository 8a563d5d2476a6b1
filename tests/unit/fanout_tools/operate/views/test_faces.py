"""A trace as lines, as a page and as spans."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from fanout_tools.operate.evidence import Execution, Failure
from fanout_tools.operate.search import Search
from fanout_tools.operate.views import tree
from fanout_tools.operate.views.html import page
from fanout_tools.operate.views.otlp import spans_of
from fanout_tools.operate.views.trace import Trace, trace
from fanout_tools.operate.views.why import Fate

from ..worlds import NOW, Bus, manifest, topology

ROOT = "80b4c862-0d0e-4d0b-a7a4-9a4f0f6f3f3e"


@pytest.fixture(params=[True, False], ids=["with logs", "records alone"])
def found(request: pytest.FixtureRequest) -> Trace:
    """An order that billing had and inventory rejected, and the invoice that came of it."""
    manifests = {
        "billing": manifest("shop.orders/OrderPlaced", publishes=["shop.billing/InvoiceIssued"]),
        "inventory": manifest("shop.orders/OrderPlaced"),
        "loyalty": manifest("shop.billing/InvoiceIssued"),
    }
    fates = {("shop.orders/OrderPlaced", "inventory"): Fate.DEAD}
    bus = Bus(topology(manifests), fates, {"billing": ["shop.billing/InvoiceIssued"]})
    bus.publish("shop.orders/OrderPlaced", ROOT, ROOT)
    search = Search(bus.topology, bus, read_logs=request.param, since=NOW - 3600, clock=lambda: NOW)
    roots = search.find(ROOT)
    search.evidence.dead["inventory", ROOT] = Failure(event_id=ROOT, cause="Reject: not in stock: <CD-7>")
    search.evidence.executions[ROOT] = [Execution(workflow="fulfilment", status="RUNNING", started_at=NOW)]
    return trace(roots, search.evidence, manifests)


def test_a_tree_has_a_line_for_each_event_and_worker(found: Trace) -> None:
    """GIVEN a trace WHEN told as lines THEN each event and worker has one, in the shape of a tree, and the sum says
    what was not handled."""
    lines = [text for text, _ in tree.lines(found)]

    assert lines[0].startswith(f"shop.orders/OrderPlaced  {ROOT}")
    assert lines[1].startswith("├─ billing           handled  +")
    assert lines[2].startswith("│  └─ shop.billing/InvoiceIssued  ")
    assert lines[3].startswith("│     └─ loyalty           handled  +")
    assert re.match(r"├─ inventory         dead .*  Reject: not in stock: <CD-7>$", lines[4])
    assert lines[5] == "└─ workflow fulfilment  running"
    assert len(lines) == 6
    assert tree.summary(found) == "2 of 3 handled; 1 dead"
    assert found.bad


def test_json_says_the_same(found: Trace) -> None:
    told = found.to_json()
    assert told["counts"] == {"handled": 2, "dead": 1}
    [root] = told["events"]
    assert [each["worker"] for each in root["workers"]] == ["billing", "inventory"]
    [invoice] = root["workers"][0]["caused"]
    assert [each["worker"] for each in invoice["workers"]] == ["loyalty"]


def test_a_page_is_whole_and_needs_nothing_else(found: Trace) -> None:
    """GIVEN a trace WHEN made into a page THEN all elements are closed, every worker is there, what came from elsewhere
    is escaped, and nothing is loaded or run."""
    text = page(found, now=NOW)
    opened: list[str] = []

    class Checked(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert tag not in ("script", "link", "img", "iframe")
            assert not {"src", "href"} & {name for name, _ in attrs}
            if tag != "meta":
                opened.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert opened.pop() == tag

    Checked().feed(text)
    assert opened == []
    assert all(name in text for name in ("billing", "inventory", "loyalty", "fulfilment", ROOT))
    assert "&lt;CD-7&gt;" in text
    assert "<CD-7>" not in text
    assert "url(" not in text


def test_spans_make_one_tree(found: Trace) -> None:
    """GIVEN a trace WHEN made into spans THEN all are of one trace whose id is the correlation's, each id is there
    once, every parent is there, and only the root's publication has none."""
    spans: list[tuple[str, dict[str, Any]]] = [
        (each["resource"]["attributes"][0]["value"]["stringValue"], span)
        for each in spans_of(found, "fanout-test")["resourceSpans"]
        for scope in each["scopeSpans"]
        for span in scope["spans"]
    ]
    ids = [span["spanId"] for _, span in spans]

    assert {span["traceId"] for _, span in spans} == {ROOT.replace("-", "")}
    assert len(ids) == len(set(ids))
    [root] = [(service, span["name"]) for service, span in spans if "parentSpanId" not in span]
    assert root == ("publisher", "send shop.orders/OrderPlaced")
    assert {span["parentSpanId"] for _, span in spans if "parentSpanId" in span} <= set(ids)
    assert {(service, span["name"]) for service, span in spans} >= {
        ("billing", "process shop.orders/OrderPlaced"),
        ("billing", "send shop.billing/InvoiceIssued"),
        ("loyalty", "process shop.billing/InvoiceIssued"),
    }
