"""The picture as SVG: one file, no scripts, no fonts of its own, readable in print and in a browser.

A bell marks what an alarm watches (its tooltip names the alarms); a queue in which events end and which nothing
watches is red."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Final

from fanout_tools.catalogue.labels import Label, details, label
from fanout_tools.catalogue.topology import Edge, EdgeKind, Kind, Layer, Node, Topology

__all__ = ["Box", "Drawing", "lay_out", "svg"]

WIDTHS: Final[Mapping[Layer, int]] = {
    Layer.ENTRY: 190,
    Layer.SOURCE: 190,
    Layer.BUS: 34,
    Layer.RULE: 175,
    Layer.TOPIC: 205,
    Layer.QUEUE: 300,
    Layer.FUNCTION: 190,
    Layer.STORE: 170,
}
MARGIN: Final = 24
HEADING: Final = 46
GAP_X: Final = 52
GAP_Y: Final = 10
BAND_GAP: Final = 18
TITLE: Final = 18
LINE: Final = 14
PADDING: Final = 8


@dataclass(frozen=True, kw_only=True)
class Box:
    """A node with its place, in pixels from the top left."""

    node: Node
    label: Label
    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        return self.y + self.height / 2

    @property
    def right(self) -> float:
        return self.x + self.width


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """All boxes by their node's id, and the size of the whole."""

    boxes: Mapping[str, Box]
    columns: Mapping[Layer, float]
    """The left edge of each column that there is."""
    width: float
    height: float


def lay_out(topology: Topology) -> Drawing:
    """Give every node its place."""
    layers = sorted({it.layer for it in topology.nodes})
    columns = dict(zip(layers, _edges(layers), strict=True))
    place = _Places(topology, columns)
    bottom = place.bands()
    for layer in (Layer.TOPIC, Layer.RULE):
        bottom = max(bottom, place.beside(layer))
    for layer in (Layer.SOURCE, Layer.ENTRY):
        bottom = max(bottom, place.stacked(layer))
    place.bar(bottom)
    right = max(columns[layer] + WIDTHS[layer] for layer in layers)
    return Drawing(boxes=place.boxes, columns=columns, width=right + MARGIN, height=bottom + MARGIN)


def _edges(layers: Iterable[Layer]) -> list[float]:
    edges, x = [], float(MARGIN)
    for layer in layers:
        edges.append(x)
        x += WIDTHS[layer] + GAP_X
    return edges


class _Places:
    def __init__(self, topology: Topology, columns: Mapping[Layer, float]) -> None:
        self.topology = topology
        self.columns = columns
        self.boxes: dict[str, Box] = {}
        self.labels = {it.id: label(it, WIDTHS[it.layer] - 2 * PADDING) for it in topology.nodes}

    def bands(self) -> float:
        """Queues, functions and stores, band by band; then what belongs to no worker. Returns the lowest edge."""
        y = float(MARGIN + HEADING)
        for owner in self._owners():
            nodes = [it for it in self.topology.nodes if it.worker == owner and it.layer >= Layer.QUEUE]
            below = y
            for layer in (Layer.QUEUE, Layer.FUNCTION, Layer.STORE):
                column = sorted((it for it in nodes if it.layer == layer), key=_in_band)
                below = max(below, self._stack(column, y))
            y = below + (BAND_GAP if nodes else 0)
        return y

    def beside(self, layer: Layer) -> float:
        """Each node of a layer in the middle of what it feeds; its DLQ under it."""
        fed: dict[str, list[float]] = {}
        for edge in self.topology.edges:
            if edge.kind is EdgeKind.EVENT and edge.target in self.boxes:
                fed.setdefault(edge.source, []).append(self.boxes[edge.target].middle)
        nodes = [it for it in self.topology.nodes if it.layer == layer and it.kind is not Kind.DEAD_LETTER_QUEUE]
        middles = {it.id: sum(fed[it.id]) / len(fed[it.id]) if fed.get(it.id) else 0.0 for it in nodes}
        y = float(MARGIN + HEADING)
        for node in sorted(nodes, key=lambda it: (middles[it.id], it.id)):
            group = [node, *self._dead_letter_queues(node, layer)]
            wanted = middles[node.id] - self._height(node) / 2
            y = self._stack(group, max(y, wanted)) + GAP_Y
        return y

    def stacked(self, layer: Layer) -> float:
        """A column from the top down."""
        return self._stack([it for it in self.topology.nodes if it.layer == layer], float(MARGIN + HEADING))

    def bar(self, bottom: float) -> None:
        """The bus, as high as everything."""
        y = float(MARGIN + HEADING)
        for node in (it for it in self.topology.nodes if it.layer == Layer.BUS):
            self._put(node, y, bottom - y)

    def _owners(self) -> list[str | None]:
        """The workers in the order of what feeds them first, so that a topic's stand together; None for the rest."""
        feeder: dict[str, str] = {}
        nodes = {it.id: it for it in self.topology.nodes}
        for edge in self.topology.edges:
            worker = nodes[edge.target].worker
            if worker and edge.kind is EdgeKind.EVENT and nodes[edge.target].kind is Kind.QUEUE:
                feeder[worker] = min(feeder.get(worker, edge.source), edge.source)
        workers = sorted(
            {it.worker for it in self.topology.nodes if it.worker}, key=lambda it: (feeder.get(it, ""), it)
        )
        # Topics sort after rules, and are most of a fan-out: they come first.
        topics = [it for it in workers if feeder.get(it, "").startswith(Kind.TOPIC)]
        return [*topics, *(it for it in workers if it not in topics), None]

    def _dead_letter_queues(self, node: Node, layer: Layer) -> list[Node]:
        """The DLQs in the layer that take what is meant for this node and cannot be delivered."""
        writers = {it.source for it in self.topology.edges if it.target == node.id and it.kind is EdgeKind.EVENT}
        dead = {it.target for it in self.topology.edges if it.source in writers and it.kind is EdgeKind.FAILURE}
        return [it for it in self.topology.nodes if it.id in dead and it.layer == layer and it.id not in self.boxes]

    def _stack(self, nodes: Iterable[Node], y: float) -> float:
        for node in nodes:
            height = self._height(node)
            self._put(node, y, height)
            y += height + GAP_Y
        return y

    def _height(self, node: Node) -> float:
        return 2 * PADDING + TITLE + LINE * len(self.labels[node.id].lines)

    def _put(self, node: Node, y: float, height: float) -> None:
        self.boxes[node.id] = Box(
            node=node,
            label=self.labels[node.id],
            x=self.columns[node.layer],
            y=y,
            width=WIDTHS[node.layer],
            height=height,
        )


def _in_band(node: Node) -> tuple[bool, bool, str]:
    """Queues before their DLQs; of the platform's own first what events were meant for."""
    return node.kind is Kind.DEAD_LETTER_QUEUE, node.title == "undelivered", node.id


HEADINGS: Final = {
    Layer.ENTRY: "Router",
    Layer.SOURCE: "Publishers and triggers",
    Layer.BUS: "Bus",
    Layer.RULE: "Rules",
    Layer.TOPIC: "Topics",
    Layer.QUEUE: "Queues",
    Layer.FUNCTION: "Functions",
    Layer.STORE: "Stores",
}
_STYLE: Final = """
text{font-family:system-ui,"Segoe UI",Roboto,Helvetica,Arial,sans-serif;font-size:11px;fill:#1f2933}
.h{font-weight:600;font-size:13px;fill:#52606d}.t{font-weight:600;font-size:12px}.n{font-size:17px;font-weight:600}
rect{stroke-width:1.2;rx:5}
.publisher rect,.schedule rect,.external-queue rect,.service rect{fill:#eef2f7;stroke:#7b8794}
.bus rect{fill:#5b3fa6;stroke:#432d7a}.bus text{fill:#fff}
.rule rect{fill:#f3effc;stroke:#8f7bd0}.topic rect{fill:#fdeef4;stroke:#c2528b}
.queue rect{fill:#e8f3ff;stroke:#2f7dc4}.function rect{fill:#fff4e5;stroke:#d9822b}
.store rect{fill:#e9f7ef;stroke:#3d9a66}.workflow rect{fill:#fff0f0;stroke:#c05656}
.dead rect{fill:#fafafa;stroke:#9aa5b1;stroke-dasharray:4 3}.silent rect{fill:#ffe3e3;stroke:#c81e1e}
path.e{fill:none;stroke:#616e7c;stroke-width:1.3}path.f{fill:none;stroke:#b0413e;stroke-width:1;stroke-dasharray:4 3}
path.u{fill:none;stroke:#3d9a66;stroke-width:1.1}.bell{fill:#b7791f}
"""
_BELL: Final = "M0 8h9L7.6 6V3.6a3.1 3.1 0 0 0-6.2 0V6zM3.2 9a1.4 1.4 0 0 0 2.6 0z"


def svg(topology: Topology) -> str:
    """The whole picture."""
    drawing = lay_out(topology)
    return "\n".join(_document(topology, drawing)) + "\n"


def _document(topology: Topology, drawing: Drawing) -> Iterator[str]:
    width, height = f"{drawing.width:g}", f"{drawing.height:g}"
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="Topology of {escape(topology.namespace)}">'
    )
    yield f"<style>{_STYLE}</style>"
    yield (
        "<defs>"
        + "".join(_arrow(it, colour) for it, colour in (("e", "#616e7c"), ("f", "#b0413e"), ("u", "#3d9a66")))
        + "</defs>"
    )
    yield f'<rect width="{width}" height="{height}" fill="#fff"/>'
    yield f'<text class="n" x="{MARGIN}" y="{MARGIN + 6}">{escape(topology.namespace)}</text>'
    for layer, x in drawing.columns.items():
        yield f'<text class="h" x="{x:g}" y="{MARGIN + 32}">{HEADINGS[layer]}</text>'
    for edge in topology.edges:
        yield _line(edge, drawing)
    for box in drawing.boxes.values():
        yield from _box(box)
    yield "</svg>"


def _arrow(name: str, colour: str) -> str:
    head = f'<path d="M0 0 8 4 0 8z" fill="{colour}"/>'
    box = 'viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto"'
    return f'<marker id="{name}" {box}>{head}</marker>'


def _line(edge: Edge, drawing: Drawing) -> str:
    start, end = drawing.boxes[edge.source], drawing.boxes[edge.target]
    kind = {EdgeKind.EVENT: "e", EdgeKind.FAILURE: "f", EdgeKind.USE: "u"}[edge.kind]
    return f'<path class="{kind}" marker-end="url(#{kind})" d="{_way(start, end)}"/>'


def _way(start: Box, end: Box) -> str:
    """Level to and from the bus; a curve between columns; straight down within one."""
    if end.node.kind is Kind.BUS:
        return f"M{start.right:g} {start.middle:g}H{end.x:g}"
    if start.node.kind is Kind.BUS:
        return f"M{start.right:g} {end.middle:g}H{end.x:g}"
    if start.x == end.x:
        return f"M{start.x + 24:g} {start.y + start.height:g}V{end.y:g}"
    bend = (end.x - start.right) / 2
    return (
        f"M{start.right:g} {start.middle:g}C{start.right + bend:g} {start.middle:g} "
        f"{end.x - bend:g} {end.middle:g} {end.x:g} {end.middle:g}"
    )


def _box(box: Box) -> Iterator[str]:
    node = box.node
    silent = node.kind is Kind.DEAD_LETTER_QUEUE and not node.alarms
    style = "silent" if silent else "dead" if node.kind is Kind.DEAD_LETTER_QUEUE else str(node.kind)
    told = [f"{node.kind} {node.title}", *node.lines, *details(node), *(f"alarm: {it}" for it in node.alarms)]
    yield f'<g class="{style}"><title>{escape(chr(10).join(told))}</title>'
    yield f'<rect x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}"/>'
    if node.kind is Kind.BUS:
        yield from _bar(box)
    else:
        yield from _texts(box)
    if node.alarms:
        yield f'<path class="bell" d="{_BELL}" transform="translate({box.right - 16:g} {box.y + 7:g})"/>'
    yield "</g>"


def _bar(box: Box) -> Iterator[str]:
    x, said = box.x + box.width / 2 + 4, " · ".join((box.node.title, *box.node.lines))
    upright = f'transform="translate({x:g} {box.middle:g}) rotate(-90)"'
    yield f'<text class="t" text-anchor="middle" {upright}>{escape(said)}</text>'


def _texts(box: Box) -> Iterator[str]:
    x, y = box.x + PADDING, box.y + PADDING + 11
    yield f'<text class="t" x="{x:g}" y="{y:g}">{escape(box.label.title)}</text>'
    for index, line in enumerate(box.label.lines):
        yield f'<text x="{x:g}" y="{y + TITLE - 2 + index * LINE:g}">{escape(line)}</text>'
