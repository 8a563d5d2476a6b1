"""The catalogue tells of every event and worker, and its links lead somewhere."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from fanout.events.event import Event
from fanout_tools.catalogue.catalogue import Declarations, catalogue, fields
from fanout_tools.catalogue.document import html, markdown
from fanout_tools.catalogue.topology import Topology

pytestmark = pytest.mark.shop

ORDERS = "shop.orders/OrderPlaced"


def _markdown(drawn: Topology, declared: Declarations) -> str:
    return markdown(catalogue(drawn, declared), "../schemas", "topology.svg")


def _section(text: str, heading: str) -> str:
    return re.split(r"^#{2,3} ", text.partition(f"### {heading}\n")[2], flags=re.MULTILINE)[0]


def test_an_event_is_told_with_owner_versions_takers_and_fields(drawn: Topology, declared: Declarations) -> None:
    told = _section(_markdown(drawn, declared), ORDERS)

    assert "| owner | shop |" in told
    assert "[1 (superseded; read through upcasters)](../schemas/shop.orders/OrderPlaced.v1.json)" in told
    assert "256 KiB on its smallest hop; publishers move data over 250 KiB to S3" in told
    assert "| [billing](#worker-billing) | every one | by topic | whole | finance |" in told
    assert "[lines\\[\\].sku](../schemas/shop.orders/OrderPlaced.v2.json#/$defs/OrderLine/properties/sku)" in told


def test_a_condition_is_told_in_words(drawn: Topology, declared: Declarations) -> None:
    assert "total.amount is over 25" in _section(_markdown(drawn, declared), "shop.billing/InvoiceIssued")


def test_a_worker_is_told_with_limits_dead_letter_queues_and_alarms(drawn: Topology, declared: Declarations) -> None:
    told = _section(_markdown(drawn, declared), "statements")

    assert "batch 10 · window 0 s; hidden 180 s · 1000 receives · 4 days; FIFO" in told
    assert "| DLQ | `statements-dlq.fifo`: kept 14 days; alarm `fanout-fixture-statements-dlq.fifo-not-empty` |" in told
    assert "5 tries · idempotency: claim" in told


def test_a_deprecated_event_says_so(drawn: Topology, declared: Declarations) -> None:
    class Ended(Event, source="shop.ended", deprecated="use OrderPlaced"):
        """Was."""

    schemas = {**declared.schemas, Ended.contract: {"properties": {"a": {"type": "string", "deprecated": True}}}}

    told = _markdown(drawn, replace(declared, contracts=[Ended], schemas=schemas))

    assert "1 (deprecated)" in told
    assert "Deprecated: use OrderPlaced" in told
    assert "Nobody takes it" not in told  # audit takes every event
    assert "| no | deprecated. |" in told


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.targets: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.anchors.add(named.get("id") or "")
        if tag == "a":
            self.targets.add(named.get("href") or "")


def test_every_link_of_the_html_leads_to_a_place_in_it(drawn: Topology, declared: Declarations) -> None:
    links = _Links()
    links.feed(html(catalogue(drawn, declared), "<svg></svg>", "t"))

    assert links.targets
    assert {it.removeprefix("#") for it in links.targets} <= links.anchors


def test_every_link_of_the_markdown_leads_to_a_heading_or_a_file(drawn: Topology, declared: Declarations) -> None:
    text = markdown(catalogue(drawn, declared), "shared/contracts/schemas", "docs/reference/topology.svg")

    anchors = set(re.findall(r'<a id="([^"]+)">', text))
    for target in re.findall(r"\]\(([^)]+)\)", text):
        path, _, fragment = target.replace("%20", " ").partition("#")
        assert Path(path).exists() if path else fragment in anchors


def test_fields_follow_lists_references_and_alternatives() -> None:
    schema = {
        "properties": {
            "at": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}], "default": None},
            "of": {"type": "array", "items": {"$ref": "#/$defs/Node"}, "minItems": 1},
            "mail": {"type": "string", "maxLength": 9, "x-personal": True},
            "phones": {"type": "array", "items": {"type": "string", "x-personal": True}},
        },
        "required": ["of"],
        "$defs": {"Node": {"title": "Node", "properties": {"next": {"$ref": "#/$defs/Node"}}}},
    }

    found = {it.path: it for it in fields(schema)}

    assert found["at"].type == "date or null"
    assert (found["of"].type, found["of"].required, found["of"].notes) == ("list of Node", True, "at least 1 items")
    assert (found["mail"].notes, found["phones"].notes) == ("personal, at most 9 characters", "personal")
    assert found["of[].next"].pointer == "/$defs/Node/properties/next"
    assert max(path.count(".") for path in found) == 3  # a schema that contains itself ends
