"""Reading an event: the leaves that a pattern's path leads to.

Event Ruler sees an event as a list of leaves, each under the names that lead to it, joined by dots. Hence
three rules:

* only leaves count: an object, an empty array and an absent field are all the same to a pattern;
* the elements of an array are leaves of the array's own field, however deep arrays are nested in it;
* a name with dots in it (``"app.kubernetes.io/name"``) is the same path as nested objects of those names. An
  event may hold both, and then the leaves of both are leaves of the path.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from types import NoneType
from typing import Any, TypeGuard

__all__ = [
    "DottedNames",
    "Event",
    "Leaf",
    "Leaves",
    "Path",
    "Reader",
    "branches",
    "elements",
    "gather",
    "is_object",
    "plain_reader",
    "reader",
    "token",
]

Event = Mapping[str, Any]
"""An event as parsed from JSON: objects are mappings, arrays are lists."""
Path = tuple[str, ...]
Leaf = str | int | float | bool | None
_SCALARS = frozenset({str, int, float, bool, NoneType})
_BOOLEANS = {True: ("boolean", True), False: ("boolean", False)}


class Leaves(list[Any]):
    """Every leaf at one path, for a path that does not lead to exactly one; empty: the field is absent."""

    through_array = False
    """Whether an array of objects, or of arrays, may lie on the way: then fields must agree on its elements."""


Reader = Callable[[Event], Any]
"""Gives the one leaf at a path, or :class:`Leaves`."""


def token(leaf: Leaf) -> Any:
    """A key by which equal JSON values are equal: 300 is 300.0, but 1 is not true and 0 is not false."""
    return _BOOLEANS[leaf] if leaf is True or leaf is False else leaf


@lru_cache(maxsize=4_096)
def plain_reader(path: Path) -> Reader:
    """A function that reads ``path``, fast where plain objects lead to one leaf, which is nearly always.

    It is for events without names that hold several segments of the path; :class:`DottedNames` tells.
    """

    def read(event: Event) -> Any:
        node: Any = event
        try:
            for name in path:
                node = node[name]
        except (KeyError, TypeError):
            return gather(event, path)
        return node if type(node) in _SCALARS else gather(event, path)

    return read


@lru_cache(maxsize=4_096)
def reader(path: Path) -> Reader:
    """A function that reads ``path`` in any event."""
    read_plain, dotted = plain_reader(path), DottedNames([path])
    return lambda event: gather(event, path) if dotted.found_in(event) else read_plain(event)


class DottedNames:
    """The names with dots that could lead to some paths, beside or in place of plain ones."""

    def __init__(self, paths: Iterable[Path]) -> None:
        """Without ``paths`` there is none. All that begin alike are looked for in one place of the event."""
        names: dict[Path, set[str]] = {}
        for path in paths:
            for at in range(len(path) - 1):
                joined = {".".join(path[at:end]) for end in range(at + 2, len(path) + 1)}
                names.setdefault(path[:at], set()).update(joined)
        self._places = [(place, frozenset(joined)) for place, joined in names.items()]

    def found_in(self, event: Event) -> bool:
        """Whether the event holds one, where plain objects lead to it: all else is gathered anyhow."""
        for place, names in self._places:
            node: Any = event
            try:
                for name in place:
                    node = node[name]
                if not node.keys().isdisjoint(names):
                    return True
            except (KeyError, TypeError, AttributeError):
                continue
        return False


def gather(event: Event, path: Path) -> Leaves:
    """Every leaf at ``path``, by the rules above, whatever shape the event has."""
    found = Leaves()
    _gather([event], path, found)
    return found


def _gather(nodes: list[Any], path: Path, found: Leaves) -> None:
    """Follow the path for all nodes at once, level by level, as arrays may hold many thousands."""
    for at, name in enumerate(path):
        objects = _objects(nodes, found)
        for end in range(at + 2, len(path) + 1):
            joined = ".".join(path[at:end])
            if beside := [node[joined] for node in objects if joined in node]:
                _gather(beside, path[end:], found)
        nodes = [node[name] for node in objects if name in node]
        if not nodes:
            return
    for node in nodes:
        if isinstance(node, list):
            found.through_array = found.through_array or any(isinstance(element, list) for element in node)
            found.extend([leaf for leaf in elements(node) if not is_object(leaf)])
        elif not is_object(node):
            found.append(node)


def _objects(nodes: list[Any], found: Leaves) -> list[Mapping[str, Any]]:
    objects: list[Mapping[str, Any]] = []
    for node in nodes:
        if is_object(node):
            objects.append(node)
        elif isinstance(node, list):
            found.through_array = True
            objects += [element for element in elements(node) if is_object(element)]
    return objects


def branches(node: Mapping[str, Any], path: Path) -> Iterator[tuple[Any, Path]]:
    """What the object holds on the way along ``path``, under a plain name or one with dots, and what is left
    of the path from there."""
    name = ""
    for end, segment in enumerate(path, 1):
        name = f"{name}.{segment}" if end > 1 else segment
        if name in node:
            yield node[name], path[end:]


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
