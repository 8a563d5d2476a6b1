"""What stands in a box: the title, the node's lines and its limits in few words, cut to the box's width."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from fanout_tools.catalogue.topology import Fact, Kind, Node

__all__ = ["Label", "details", "label"]

CHARACTER: Final = 5.9
"""The mean width in pixels of a character of 11 px sans-serif."""
TITLE_CHARACTER: Final = 7.0
MOST_LINES: Final = 9


@dataclass(frozen=True)
class Label:
    """The texts of a box, each short enough for it."""

    title: str
    lines: tuple[str, ...]


def label(node: Node, width: float) -> Label:
    """The node's texts, no wider than ``width`` pixels; the picture's tooltips have them whole."""
    said = [*node.lines, *details(node)]
    if len(said) > MOST_LINES:
        said = [*said[: MOST_LINES - 1], f"and {len(said) - MOST_LINES + 1} more"]
    room = 14 if node.alarms or node.kind is Kind.DEAD_LETTER_QUEUE else 0
    title = _cut(node.title, int((width - room) / TITLE_CHARACTER))
    return Label(title, tuple(_cut(it, int(width / CHARACTER)) for it in said))


def details(node: Node) -> Iterator[str]:
    """A node's limits in few words."""
    facts = node.facts
    if node.kind is Kind.QUEUE:
        at_once = f" · at most {facts['max_concurrency']} at once" if facts.get("max_concurrency") else ""
        yield f"batch {facts['batch_size']} · window {facts['window_s']} s{at_once}"
        yield f"hidden {facts['visibility_s']} s · {facts['max_receives']} receives · {facts['retention_days']} days"
        if facts["fifo"]:
            yield "FIFO"
    elif node.kind is Kind.FUNCTION:
        yield from _function(facts)
    elif node.kind is Kind.DEAD_LETTER_QUEUE and "retention_days" in facts:
        yield f"DLQ · kept {facts['retention_days']} days" + ("" if node.alarms else " · NO ALARM")


def _function(facts: Mapping[str, Fact]) -> Iterator[str]:
    if facts.get("memory_mb"):
        yield f"{facts['memory_mb']} MB · {facts['architecture']} · {facts['timeout_s']} s"
    if facts.get("idempotency"):
        yield f"{facts['tries']} tries · idempotency: {facts['idempotency']}"
    if facts.get("owner"):
        yield f"owner: {facts['owner']}"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"
