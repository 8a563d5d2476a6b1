"""A second engine, written from Event Ruler's formal rule alone, slow and plain, to hold the first against.

It makes the list of all leaves of an event, each with its dotted path and the array elements it lies in, and
looks for a choice of one leaf per field such that each leaf is wanted and no two lie in different elements of
the same array.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any

from fanout_tools.patterns import Pattern

Place = dict[int, int]


def leaves(node: Any, path: str, place: Place) -> Iterator[tuple[str, Any, Place]]:
    if isinstance(node, dict):
        for name, child in node.items():
            yield from leaves(child, f"{path}.{name}" if path else name, place)
    elif isinstance(node, list):
        for at, element in enumerate(node):
            inside = place | {id(node): at} if isinstance(element, dict | list) else place
            yield from leaves(element, path, inside)
    else:
        yield path, node, place


def consistent(places: tuple[Place, ...]) -> bool:
    merged: Place = {}
    for place in places:
        if any(merged.get(array, at) != at for array, at in place.items()):
            return False
        merged |= place
    return True


def matches(pattern: Pattern, event: dict[str, Any]) -> bool:
    found = list(leaves(event, "", {}))
    for conjunction in pattern.conjunctions:
        options = []
        for condition in conjunction:
            there = [(leaf, place) for path, leaf, place in found if path == ".".join(condition.path)]
            if not there and condition.absent:
                options.append([Place()])
            else:
                options.append([place for leaf, place in there if condition.accepts(leaf)])
        if any(consistent(places) for places in product(*options)):
            return True
    return False
