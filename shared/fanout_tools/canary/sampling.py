"""Data that pass a filter: an example's, changed as little as the filter asks."""

from __future__ import annotations

import copy
import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

__all__ = ["MOST", "candidates"]

MOST: Final = 200
"""Candidates for one example: the choices of a filter multiply."""

_ABSENT: Final = object()

Path = tuple[str, ...]


def candidates(where: Mapping[str, Any], example: Mapping[str, Any], text: str) -> Iterator[dict[str, Any]]:
    """The example as it is, and then as each combination of the filter's choices asks. Whether one passes the caller
    has to find out: a filter may ask for what this cannot make up.

    :param text: what stands where the filter takes any text.
    """
    yield copy.deepcopy(dict(example))
    for wanted in islice(_choices(where, (), text), MOST):
        changed = copy.deepcopy(dict(example))
        for path, value in wanted.items():
            _put(changed, path, value)
        yield changed


def _choices(where: Mapping[str, Any], path: Path, text: str) -> Iterator[dict[Path, Any]]:
    """What each combination of alternatives wants of which field."""
    if not where:
        yield {}
        return
    (name, inner), *rest = where.items()
    for chosen in _field(name, inner, path, text):
        for others in _choices(dict(rest), path, text):
            yield {**chosen, **others}


def _field(name: str, inner: Any, path: Path, text: str) -> Iterator[dict[Path, Any]]:
    if name == "$or" and isinstance(inner, list):
        for branch in inner:
            yield from _choices(branch, path, text)
    elif isinstance(inner, Mapping):
        yield from _choices(inner, (*path, *name.split(".")), text)
    else:
        for alternative in inner:
            for value in _values(alternative, text):
                yield {(*path, *name.split(".")): value}


def _values(alternative: Any, text: str) -> Sequence[Any]:
    """Values that one element of a filter's list may take."""
    if not isinstance(alternative, Mapping):
        return [alternative]
    (operator, operand), *_ = alternative.items()
    if operator in ("prefix", "suffix", "equals-ignore-case") and isinstance(operand, Mapping):
        operand = operand["equals-ignore-case"]
    match operator:
        case "exists":
            return [text, 1] if operand else [_ABSENT]
        case "prefix":
            return [f"{operand}{text}", operand]
        case "suffix":
            return [f"{text}{operand}", operand]
        case "equals-ignore-case":
            return [operand]
        case "wildcard":
            return [_unstarred(operand, text), _unstarred(operand, "")]
        case "numeric":
            return [_within(operand)]
        case "cidr":
            return [str(ipaddress.ip_network(operand, strict=False).network_address)]
        case "anything-but":
            return _other_than(operand, text)
    return []


def _unstarred(wildcard: str, text: str) -> str:
    """The wildcard with the text for its first star, and nothing for the others."""
    given = iter([text])
    return re.sub(r"\\[*\\]|\*", lambda part: next(given, "") if part[0] == "*" else part[0][1], wildcard)


def _within(comparisons: Sequence[Any]) -> float:
    """A number in the range."""
    bounds = dict(zip(comparisons[::2], comparisons[1::2], strict=True))
    for closed in ("=", ">=", "<="):
        if closed in bounds:
            return float(bounds[closed]) if isinstance(bounds[closed], float) else int(bounds[closed])
    if len(bounds) == 2:
        return float(bounds[">"] + bounds["<"]) / 2
    return bounds[">"] + 1 if ">" in bounds else bounds["<"] - 1  # type: ignore[no-any-return]


def _other_than(operand: Any, text: str) -> Sequence[Any]:
    """A number over all that are excluded, or texts that hardly anybody excludes."""
    excluded = operand if isinstance(operand, list) else [operand]
    numbers = [each for each in excluded if isinstance(each, int | float)]
    return [max(numbers) + 1] if numbers else [text, f"{text}~", f"~{text}", f"~{text}~"]


def _put(data: dict[str, Any], path: Path, value: Any) -> None:
    *parents, name = path
    for parent in parents:
        inner = data.get(parent)
        if not isinstance(inner, dict):
            if value is _ABSENT:
                return
            inner = data[parent] = {}
        data = inner
    if value is _ABSENT:
        data.pop(name, None)
    else:
        data[name] = value
