"""Where everything stands: layers from left to right, a band for each worker, one pass per column.

A worker's queue, DLQ, function and stores share a band, so that its lines are short and level. Bands stand in the
order of the topics that feed them, and rules and topics in the middle of what they feed, pushed down where they would
overlap (the barycentre of layered drawings: Sugiyama, Tagawa and Toda, 1981). The bus is a bar over the whole height:
no line to it ever crosses another.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from fanout_tools.catalogue.labels import Label, label
from fanout_tools.catalogue.topology import EdgeKind, Kind, Layer, Node, Topology

__all__ = ["Box", "Drawing", "lay_out"]

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
        """Queues, functions and stores, band by band; then what belongs to no worker. Answers the lowest edge."""
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
