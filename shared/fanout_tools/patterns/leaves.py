"""Reading an event: the leaves that a pattern's path leads to.

Event Ruler sees an event as a list of leaves, each under the names that lead to it, joined by dots. Hence
three rules:

* only leaves count: an object, an empty array and an absent field are all the same to a pattern;
* the elements of an array are leaves of the array's own field, however deep arrays are nested in it;
* a name with dots in it (``"app.kubernetes.io/name"``) is the same path as nested objects of those names.
  Such a name is looked for where the plain one is absent.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from types import NoneType
from typing import Any, TypeGuard

__all__ = ["Event", "Leaf", "Leaves", "Path", "Reader", "elements", "gather", "is_object", "reader", "token"]

Event = Mapping[str, Any]
"""An event as parsed from JSON: objects are mappings, arrays are lists."""
Path = tuple[str, ...]
Leaf = str | int | float | bool | None
_SCALARS = frozenset({str, int, float, bool, NoneType})
_BOOLEANS = {True: ("boolean", True), False: ("boolean", False)}


class Leaves(list[Any]):
    """Every leaf at one path, for a path that does not lead to exactly one; empty: the field is absent."""

    through_array = False
    """Whether an array of objects lies on the way, so that fields must come from the same element."""


Reader = Callable[[Event], Any]
"""Gives the one leaf at a path, or :class:`Leaves`."""


def token(leaf: Leaf) -> Any:
    """A key by which equal JSON values are equal: 300 is 300.0, but 1 is not true and 0 is not false."""
    return _BOOLEANS[leaf] if leaf is True or leaf is False else leaf


@lru_cache(maxsize=4_096)
def reader(path: Path) -> Reader:
    """A function that reads ``path``, fast where plain objects lead to one leaf, which is nearly always."""

    def read(event: Event) -> Any:
        node: Any = event
        try:
            for name in path:
                node = node[name]
        except (KeyError, TypeError):
            return gather(event, path)
        return node if type(node) in _SCALARS else gather(event, path)

    return read


def gather(event: Event, path: Path) -> Leaves:
    """Every leaf at ``path``, by the rules above, whatever shape the event has."""
    found = Leaves()
    _gather(event, path[0], path[1:], found)
    return found


def _gather(node: Any, name: str, rest: Path, found: Leaves) -> None:
    if is_object(node):
        if name in node:
            child = node[name]
            if rest:
                _gather(child, rest[0], rest[1:], found)
            else:
                found.extend([leaf for leaf in elements(child) if not is_object(leaf)])
        elif rest:
            _gather(node, f"{name}.{rest[0]}", rest[1:], found)
    elif isinstance(node, list):
        for element in elements(node):
            if is_object(element):
                found.through_array = True
                _gather(element, name, rest, found)


def is_object(node: Any) -> TypeGuard[Mapping[str, Any]]:
    """Whether the node is a JSON object; the common type first, as the general question is slow."""
    return type(node) is dict or isinstance(node, Mapping)


def elements(node: Any) -> Iterator[Any]:
    """The node itself, or, of an array, its elements and those of the arrays in it, in order."""
    pending = [node]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending.extend(reversed(node))
        else:
            yield node
