"""Pictures of any size: nothing overlaps, everything is there, and the files are well formed."""

import re
from itertools import combinations
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from fanout_tools.catalogue.documents import mermaid
from fanout_tools.catalogue.svg import Box, lay_out, svg
from fanout_tools.catalogue.topology import Edge, EdgeKind, Kind, Layer, Node, Topology

SVG = "{http://www.w3.org/2000/svg}"
QUEUE = {"batch_size": 10, "window_s": 0, "visibility_s": 180, "max_receives": 5, "retention_days": 4, "fifo": False}


def fan_out(domains: list[int], stores: int = 1) -> Topology:
    """A platform with so many workers in each domain."""
    nodes = [Node(id="bus/b", kind=Kind.BUS, layer=Layer.BUS, title="b")]
    edges = []
    for domain, workers in enumerate(domains):
        rule, topic = f"rule/{domain}", f"topic/{domain}"
        nodes += [
            Node(id=rule, kind=Kind.RULE, layer=Layer.RULE, title=rule, lines=("shop.<orders>",)),
            Node(id=topic, kind=Kind.TOPIC, layer=Layer.TOPIC, title=topic),
        ]
        edges += [Edge(source="bus/b", target=rule), Edge(source=rule, target=topic)]
        for number in range(workers):
            found, lines = _worker(f"w{domain}-{number}", topic, stores)
            nodes += found
            edges += lines
    return Topology(namespace="n", nodes=tuple(nodes), edges=tuple(edges), ways=())


def _worker(name: str, topic: str, stores: int) -> tuple[list[Node], list[Edge]]:
    queue, dead, function = f"queue/{name}", f"dead-letter queue/{name}", f"function/{name}"
    places = {queue: (Kind.QUEUE, Layer.QUEUE), dead: (Kind.DEAD_LETTER_QUEUE, Layer.QUEUE)}
    places |= {function: (Kind.FUNCTION, Layer.FUNCTION)}
    places |= {f"store/{name}-{it}": (Kind.STORE, Layer.STORE) for it in range(stores)}
    facts = {queue: QUEUE, dead: {"retention_days": 14}}
    nodes = [
        Node(id=it, kind=kind, layer=layer, title=name, worker=name, facts=facts.get(it, {}))
        for it, (kind, layer) in places.items()
    ]
    edges = [
        Edge(source=topic, target=queue),
        Edge(source=queue, target=function),
        Edge(source=queue, target=dead, kind=EdgeKind.FAILURE),
    ]
    return nodes, edges


def _overlap(one: Box, other: Box) -> bool:
    return (
        one.x < other.right and other.x < one.right and one.y < other.y + other.height and other.y < one.y + one.height
    )


@given(st.lists(st.integers(0, 8), min_size=1, max_size=8), st.integers(0, 4))
@settings(max_examples=25, deadline=None)
def test_no_two_boxes_overlap_and_none_is_lost(domains: list[int], stores: int) -> None:
    """GIVEN any number of domains, workers and stores WHEN laid out THEN every node has a place of its own."""
    topology = fan_out(domains, stores)

    drawing = lay_out(topology)

    assert drawing.boxes.keys() == {it.id for it in topology.nodes}
    assert not any(_overlap(*pair) for pair in combinations(drawing.boxes.values(), 2))
    assert all(it.right <= drawing.width and it.y + it.height <= drawing.height for it in drawing.boxes.values())


def test_the_svg_is_well_formed_and_names_every_node() -> None:
    topology = fan_out([10, 20, 20])

    root = ElementTree.fromstring(svg(topology))

    groups = root.findall(f"{SVG}g")
    assert len(groups) == len(topology.nodes)
    assert len(root.findall(f"{SVG}path")) == len(topology.edges)
    assert any("shop.<orders>" in (it.findtext(f"{SVG}title") or "") for it in groups)


def test_a_dead_letter_queue_that_nothing_watches_is_marked() -> None:
    assert 'class="silent"' in svg(fan_out([1]))
    assert "NO ALARM" in svg(fan_out([1]))


def test_mermaid_names_what_it_connects() -> None:
    text = mermaid(fan_out([2, 1]))

    declared = set(re.findall(r"^ +(n\d+)[\[({>]", text, re.MULTILINE))
    connected = set(re.findall(r"\b(n\d+)\b", text))
    assert declared == connected
    assert text.count("subgraph") == text.count("  end\n") == 3
    assert "shop.#lt;orders#gt;" in text
