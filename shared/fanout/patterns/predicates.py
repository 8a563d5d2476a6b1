"""What one wanted value asks of one leaf of an event: a function per operator, with the words that explain
it.

Every operator on text takes strings alone: the prefix ``"5"`` does not match the number 5.
"""

import ipaddress
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from fanout.patterns.leaves import Leaf, token

__all__ = [
    "Predicate",
    "anything_but",
    "equals_ignoring_case",
    "in_network",
    "in_range",
    "parse_address",
    "present",
    "starts_or_ends",
    "starts_or_ends_ignoring_case",
    "wildcard",
]

Test = Callable[[Any], bool]
MAX_COMPARABLE = 5e9
"""Event Ruler compares no number beyond this magnitude, so ``[">", 0]`` does not match 6e9 (its README)."""


@dataclass(frozen=True, slots=True)
class Predicate:
    """One test of one leaf. Two predicates that want the same are equal, so that rules can share the
    answer."""

    wanted: str
    """What is wanted, as the end of the sentence "wanted ..."; it says all there is to say, hence the
    identity."""
    test: Test = field(compare=False, repr=False)


def quoted(value: Leaf) -> str:
    """A value as JSON, for people."""
    return json.dumps(value, ensure_ascii=False)


def one_of(texts: Iterable[str]) -> str:
    return " or ".join(texts)


def starts_or_ends(operator: str, text: str) -> Predicate:
    """``prefix`` or ``suffix``."""
    if operator == "prefix":
        return Predicate(
            f"a string that starts with {quoted(text)}",
            lambda leaf: isinstance(leaf, str) and leaf.startswith(text),
        )
    return Predicate(
        f"a string that ends with {quoted(text)}", lambda leaf: isinstance(leaf, str) and leaf.endswith(text)
    )


def _either_case(text: str) -> str:
    """A regular expression for ``text`` in any case.

    Event Ruler takes, for each character on its own, its lower and its upper case, and nothing else: ``ß``
    takes ``ß`` and ``SS``; ``k`` does not take the Kelvin sign, though that sign's lower case is ``k``.
    """
    forms = (dict.fromkeys((character, character.lower(), character.upper())) for character in text)
    return "".join(f"(?:{'|'.join(map(re.escape, either))})" for either in forms)


def equals_ignoring_case(text: str) -> Predicate:
    """``equals-ignore-case`` on its own."""
    matches = re.compile(_either_case(text)).fullmatch
    return Predicate(f"{quoted(text)} in any case", lambda leaf: isinstance(leaf, str) and matches(leaf) is not None)


def starts_or_ends_ignoring_case(operator: str, text: str) -> Predicate:
    """``prefix`` or ``suffix`` that holds ``equals-ignore-case``."""
    verb, expression = ("starts", "{}") if operator == "prefix" else ("ends", r"(?s:.*){}\Z")
    matches = re.compile(expression.format(_either_case(text))).match
    return Predicate(
        f"a string that {verb} with {quoted(text)} in any case",
        lambda leaf: isinstance(leaf, str) and matches(leaf) is not None,
    )


def wildcard(text: str, literals: list[str]) -> Predicate:
    """``wildcard``; ``literals`` are the texts between the stars, unescaped.

    Taking each literal at its leftmost place is enough, as what follows then has the most room; so no
    backtracking and no regular expression.
    """
    wanted = f"a string like {quoted(text)}"
    if len(literals) == 1:
        return Predicate(wanted, lambda leaf: isinstance(leaf, str) and leaf == literals[0])
    first, *middle, last = literals

    def test(leaf: Any) -> bool:
        if not (isinstance(leaf, str) and leaf.startswith(first) and leaf.endswith(last)):
            return False
        place, end = len(first), len(leaf) - len(last)
        for literal in middle:
            place = leaf.find(literal, place, end)
            if place < 0:
                return False
            place += len(literal)
        return place <= end

    return Predicate(wanted, test)


def in_range(low: float | None, high: float | None, *, low_open: bool = False, high_open: bool = False) -> Predicate:
    """``numeric``: a number between two bounds, each inclusive unless open, None meaning unbounded."""
    if low is not None and low == high:
        return Predicate(f"the number {low}", lambda leaf: leaf == low and not isinstance(leaf, bool))
    bounds = []
    if low is not None:
        bounds.append(f"{'>' if low_open else '>='} {low}")
    if high is not None:
        bounds.append(f"{'<' if high_open else '<='} {high}")
    bottom, top = (-MAX_COMPARABLE if low is None else low), (MAX_COMPARABLE if high is None else high)

    def test(leaf: Any) -> bool:
        if not isinstance(leaf, int | float) or isinstance(leaf, bool):
            return False
        if leaf == bottom:
            return not low_open
        return not high_open if leaf == top else bottom < leaf < top

    return Predicate("a number " + " and ".join(bounds), test)


def present(needs_content: bool) -> Predicate:
    """``{"exists": true}``: a leaf of any value, or, where content is needed, neither null nor an empty
    string."""
    if needs_content:
        return Predicate("the field to be present and not empty", lambda leaf: leaf is not None and leaf != "")
    return Predicate("the field to be present", lambda _: True)


_DOTTED_QUAD = re.compile(r"\d+\.\d+\.\d+\.\d+", re.ASCII)
_COLON_HEX = re.compile(r"[0-9a-fA-F:]*:[0-9a-fA-F:]*")


def parse_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that ``text`` is, or None. Octets are decimal (010 is 10); no zone ids, no IPv4 in IPv6
    notation."""
    try:
        if _DOTTED_QUAD.fullmatch(text):
            return ipaddress.IPv4Address(bytes(map(int, text.split("."))))
        return ipaddress.IPv6Address(text) if _COLON_HEX.fullmatch(text) else None
    except ValueError:
        return None


def in_network(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> Predicate:
    """``cidr``: a string that is an address of the network's own version, in the network."""

    def test(leaf: Any) -> bool:
        address = parse_address(leaf) if isinstance(leaf, str) else None
        return address is not None and address.version == network.version and address in network

    return Predicate(f"an address in {network}", test)


def anything_but(excluded: list[Predicate] | list[Leaf]) -> Predicate:
    """``anything-but`` values, or anything but what other predicates want. An absent field has no leaf to
    ask."""
    if isinstance(excluded[0], Predicate):
        predicates = [each for each in excluded if isinstance(each, Predicate)]
        tests = [predicate.test for predicate in predicates]
        return Predicate(
            "anything but " + one_of(predicate.wanted for predicate in predicates),
            lambda leaf: not any(test(leaf) for test in tests),
        )
    values = [each for each in excluded if not isinstance(each, Predicate)]
    tokens = frozenset(map(token, values))
    return Predicate("anything but " + one_of(map(quoted, values)), lambda leaf: token(leaf) not in tokens)
