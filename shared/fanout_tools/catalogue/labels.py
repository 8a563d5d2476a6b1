"""How a node is told: its label in a drawing, the details beside it, and patterns in words."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fanout_tools.catalogue.topology import Fact, Kind, Node

__all__ = ["Label", "details", "label", "words"]

_COMPARED: Final = {"=": "is", ">": "is over", ">=": "is at least", "<": "is under", "<=": "is at most"}


def words(where: Mapping[str, Any]) -> str:
    """The condition as one sentence without a full stop; empty for a subscription without a condition."""
    return " and ".join(_conditions(where, ()))


def _conditions(where: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    for key, wanted in where.items():
        if key == "$or" and isinstance(wanted, list):
            alternatives = [" and ".join(_conditions(it, path)) for it in wanted]
            yield f"({' or '.join(alternatives)})"
        elif isinstance(wanted, Mapping):
            yield from _conditions(wanted, (*path, key))
        else:
            yield _field(".".join((*path, key)), wanted)


def _field(name: str, wanted: list[Any]) -> str:
    """A field's alternatives: plain values in one list, operators each with their verb."""
    values = [it for it in wanted if not isinstance(it, Mapping)]
    said = [f"{name} {_values(values)}"] if values else []
    said += [f"{name} {_operator(operator, operand)}" for operator, operand in _joined(wanted)]
    return said[0] if len(said) == 1 else f"({' or '.join(said)})"


def _joined(wanted: list[Any]) -> Iterator[tuple[str, Any]]:
    """The operators, with one list of operands for those of one kind that take a text."""
    texts: dict[str, list[str]] = {}
    for operator, operand in (pair for it in wanted if isinstance(it, Mapping) for pair in it.items()):
        if isinstance(operand, str):
            texts.setdefault(operator, []).append(operand)
        else:
            yield operator, operand
    for operator, operands in texts.items():
        yield operator, operands if len(operands) > 1 else operands[0]


def _values(values: list[Any]) -> str:
    return f"is {json.dumps(values[0])}" if len(values) == 1 else f"is one of {', '.join(map(json.dumps, values))}"


def _operator(operator: str, operand: Any) -> str:
    return _VERBS.get(operator, lambda it: f"{operator} {json.dumps(it)}")(operand)


def _text(verb: str) -> Callable[[Any], str]:
    """A verb with its text; ``{"equals-ignore-case": ...}`` as the operand is the one nesting that AWS has."""

    def say(operand: Any) -> str:
        if isinstance(operand, Mapping):
            return f"{verb} {json.dumps(next(iter(operand.values())))} in any case"
        return f"{verb} {_listed(operand)}"

    return say


def _listed(operand: Any) -> str:
    return " or ".join(map(json.dumps, operand)) if isinstance(operand, list) else json.dumps(operand)


def _numeric(operand: list[Any]) -> str:
    pairs = zip(operand[::2], operand[1::2], strict=True)
    return " and ".join(f"{_COMPARED[comparison]} {json.dumps(number)}" for comparison, number in pairs)


def _anything_but(operand: Any) -> str:
    if isinstance(operand, Mapping):
        operator, inner = next(iter(operand.items()))
        return _NEGATED.get(operator, f"does not match {operator}") + f" {_listed(inner)}"
    return f"is not {_listed(operand)}"


_NEGATED: Final = {
    "prefix": "does not start with",
    "suffix": "does not end with",
    "wildcard": "is not like",
    "equals-ignore-case": "is in no case",
}
_VERBS: Final[Mapping[str, Callable[[Any], str]]] = {
    "prefix": _text("starts with"),
    "suffix": _text("ends with"),
    "wildcard": _text("is like"),
    "equals-ignore-case": lambda it: f"is {_listed(it)} in any case",
    "cidr": _text("is an address in"),
    "numeric": _numeric,
    "exists": lambda it: "is there" if it else "is not there",
    "anything-but": _anything_but,
}


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
