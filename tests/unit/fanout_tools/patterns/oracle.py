"""A second engine, written from Event Ruler's formal rule alone, slow and plain, to hold the first against.

It makes the list of all leaves of an event, each with its dotted path and the array elements it lies in, and
looks for a choice of one leaf per field such that each leaf is wanted and no two lie in different elements of
the same array. A field may be chosen to be absent where none of its leaves agrees with those chosen for the fields
that sort before it.
"""

from collections.abc import Iterator
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


def consistent(place: Place, other: Place) -> bool:
    return all(place.get(array, at) == at for array, at in other.items())


def matches(pattern: Pattern, event: dict[str, Any]) -> bool:
    found = list(leaves(event, "", {}))
    for conjunction in pattern.conjunctions:
        places: list[Place] = [{}]
        for condition in sorted(conjunction, key=lambda condition: ".".join(condition.path)):
            there = [(leaf, place) for path, leaf, place in found if path == ".".join(condition.path)]
            chosen = []
            for so_far in places:
                agreeing = [(leaf, place) for leaf, place in there if consistent(so_far, place)]
                if condition.absent and not agreeing:
                    chosen.append(so_far)
                chosen += [so_far | place for leaf, place in agreeing if condition.accepts(leaf)]
            places = chosen
        if places:
            return True
    return False
