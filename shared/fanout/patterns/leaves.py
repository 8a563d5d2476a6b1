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
from typing import Any

__all__ = ["Event", "Leaf", "Leaves", "Path", "Reader", "elements", "gather", "reader", "token"]

Event = Mapping[str, Any]
"""An event as parsed from JSON: objects are mappings, arrays are lists."""
Path = tuple[str, ...]
Leaf = str | int | float | bool | None
_SCALARS = frozenset({str, int, float, bool, NoneType})
_BOOLEANS = {True: ("boolean", True), False: ("boolean", False)}


class Leaves(list[Any]):
    """Every leaf at one path, for a path that does not lead to exactly one; empty: the field is absent."""

    __slots__ = ("through_array",)

    def __init__(self) -> None:
        super().__init__()
        self.through_array = False
        """Whether an array of objects lies on the way, so that fields must come from the same element."""


Reader = Callable[[Event], Any]
"""Gives the one leaf at a path, or :class:`Leaves`."""


def token(leaf: Leaf) -> Any:
    """A leaf as a key by which equal JSON values are equal: 300 is 300.0, but 1 is not true and 0 is not
    false."""
    return _BOOLEANS[leaf] if leaf is True or leaf is False else leaf


@lru_cache(maxsize=4_096)
def reader(path: Path) -> Reader:
    """A function that reads ``path``, fast where plain objects lead to one leaf, which is nearly always."""
    return _chain(path[0], path[1:], path) if len(path) > 4 else _UNROLLED[len(path)](path)


def _read_1(path: Path) -> Reader:
    (first,) = path

    def read(event: Event) -> Any:
        try:
            leaf = event[first]
        except (KeyError, TypeError):
            return gather(event, path)
        return leaf if type(leaf) in _SCALARS else gather(event, path)

    return read


def _read_2(path: Path) -> Reader:
    first, second = path

    def read(event: Event) -> Any:
        try:
            leaf = event[first][second]
        except (KeyError, TypeError):
            return gather(event, path)
        return leaf if type(leaf) in _SCALARS else gather(event, path)

    return read


def _read_3(path: Path) -> Reader:
    first, second, third = path

    def read(event: Event) -> Any:
        try:
            leaf = event[first][second][third]
        except (KeyError, TypeError):
            return gather(event, path)
        return leaf if type(leaf) in _SCALARS else gather(event, path)

    return read


def _read_4(path: Path) -> Reader:
    first, second, third, fourth = path

    def read(event: Event) -> Any:
        try:
            leaf = event[first][second][third][fourth]
        except (KeyError, TypeError):
            return gather(event, path)
        return leaf if type(leaf) in _SCALARS else gather(event, path)

    return read


_UNROLLED = {1: _read_1, 2: _read_2, 3: _read_3, 4: _read_4}


def _chain(first: str, rest: Path, path: Path) -> Reader:
    def read(event: Event) -> Any:
        try:
            leaf = event[first]
            for name in rest:
                leaf = leaf[name]
        except (KeyError, TypeError):
            return gather(event, path)
        return leaf if type(leaf) in _SCALARS else gather(event, path)

    return read


def gather(event: Event, path: Path) -> Leaves:
    """Every leaf at ``path``, by the rules above, whatever shape the event has."""
    found = Leaves()
    _gather(event, path[0], path[1:], found)
    return found


def _gather(node: Any, name: str, rest: Path, found: Leaves) -> None:
    if isinstance(node, Mapping):
        if name in node:
            child = node[name]
            if rest:
                _gather(child, rest[0], rest[1:], found)
            else:
                found.extend(leaf for leaf in elements(child) if not isinstance(leaf, Mapping))
        elif rest:
            _gather(node, f"{name}.{rest[0]}", rest[1:], found)
    elif isinstance(node, list):
        for element in elements(node):
            if isinstance(element, Mapping):
                found.through_array = True
                _gather(element, name, rest, found)


def elements(node: Any) -> Iterator[Any]:
    """The node itself, or, of an array, its elements and those of the arrays in it, in order."""
    pending = [node]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending.extend(reversed(node))
        else:
            yield node
