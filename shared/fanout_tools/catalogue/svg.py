"""The picture as SVG: one file, no scripts, no fonts of its own, readable in print and in a browser.

A bell marks what an alarm watches (its tooltip names the alarms); a queue in which events end and which nothing
watches is red.
"""

from collections.abc import Iterator
from html import escape
from typing import Final

from fanout_tools.catalogue.labels import details
from fanout_tools.catalogue.layout import LINE, MARGIN, PADDING, TITLE, Box, Drawing, lay_out
from fanout_tools.catalogue.topology import Edge, EdgeKind, Kind, Layer, Topology

__all__ = ["svg"]

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
.publisher rect,.schedule rect,.service rect{fill:#eef2f7;stroke:#7b8794}.bus rect{fill:#5b3fa6;stroke:#432d7a}
.bus text{fill:#fff}.rule rect{fill:#f3effc;stroke:#8f7bd0}.topic rect{fill:#fdeef4;stroke:#c2528b}
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
