"""What a pattern asks of an event, in the form that matching works on: any of some conjunctions.

A :class:`Predicate` is what one wanted value asks of one leaf: a test per operator, with the words that explain it.
Every operator on text takes strings alone: the prefix ``"5"`` does not match the number 5. A :class:`Condition` is one
field of the pattern with the values wanted there, any of which will do. A conjunction is a tuple of conditions on
different fields, all of which must hold. A pattern without ``$or`` is one conjunction.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fanout_tools.patterns.dialects import quoted
from fanout_tools.patterns.leaves import Leaf, Leaves, Path, Reader, reader, token

__all__ = [
    "Condition",
    "Conjunction",
    "Predicate",
    "anything_but_matching",
    "anything_but_values",
    "equals_ignoring_case",
    "in_network",
    "in_range",
    "parse_address",
    "prefix",
    "prefix_ignoring_case",
    "present",
    "suffix",
    "suffix_ignoring_case",
    "wildcard",
]

MAX_COMPARABLE = 5e9
"""Event Ruler compares no number beyond this magnitude: ``[">", 0]`` does not match 6e9 (its README)."""


@dataclass(frozen=True, slots=True)
class Predicate:
    """A test of one leaf. Predicates that want the same are equal, so that rules can share the answer."""

    wanted: str
    """What is wanted, as the end of a sentence; it says all there is to say, and so is the identity."""
    test: Callable[[Any], bool] = field(compare=False, repr=False)
    wildcards: tuple[str, ...] = field(default=(), compare=False, repr=False)
    """The wildcards in it, as written, of which a service takes only so many."""


def _one_of(texts: Iterable[str]) -> str:
    """The texts as alternatives, in words."""
    return " or ".join(texts)


def prefix(text: str) -> Predicate:
    """``{"prefix": text}``."""
    wanted = f"a string that starts with {quoted(text)}"
    return Predicate(wanted, lambda leaf: isinstance(leaf, str) and leaf.startswith(text))


def suffix(text: str) -> Predicate:
    """``{"suffix": text}``."""
    wanted = f"a string that ends with {quoted(text)}"
    return Predicate(wanted, lambda leaf: isinstance(leaf, str) and leaf.endswith(text))


def equals_ignoring_case(text: str) -> Predicate:
    """``{"equals-ignore-case": text}``."""
    return _matching(f"{quoted(text)} in any case", _any_case(text) + r"\Z")


def prefix_ignoring_case(text: str) -> Predicate:
    """``{"prefix": {"equals-ignore-case": text}}``."""
    return _matching(f"a string that starts with {quoted(text)} in any case", _any_case(text))


def suffix_ignoring_case(text: str) -> Predicate:
    """``{"suffix": {"equals-ignore-case": text}}``."""
    return _matching(f"a string that ends with {quoted(text)} in any case", rf"(?s:.*){_any_case(text)}\Z")


def _any_case(text: str) -> str:
    """A regular expression for ``text`` in any case.

    Event Ruler takes each character by itself, in its lower or its upper case, and folds no further: ``ß``
    takes ``ß`` and ``SS``; ``k`` does not take the Kelvin sign, though that sign's lower case is ``k``.
    """
    forms = (dict.fromkeys((character, character.lower(), character.upper())) for character in text)
    return "".join(f"(?:{'|'.join(map(re.escape, either))})" for either in forms)


def _matching(wanted: str, expression: str) -> Predicate:
    match = re.compile(expression).match
    return Predicate(wanted, lambda leaf: isinstance(leaf, str) and match(leaf) is not None)


def wildcard(text: str, literals: Sequence[str]) -> Predicate:
    """``{"wildcard": text}``; ``literals`` are the texts between its stars, unescaped.

    Each literal is taken at its leftmost place, which leaves the most room for what follows; so there is
    nothing to go back on, and no text takes longer than a search for each literal.
    """
    first, *middle, last = literals if len(literals) > 1 else (*literals, "")

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

    def equal(leaf: Any) -> bool:
        return isinstance(leaf, str) and leaf == first

    return Predicate(f"a string like {quoted(text)}", test if len(literals) > 1 else equal, (text,))


def in_range(low: float | None, high: float | None, *, low_open: bool = False, high_open: bool = False) -> Predicate:
    """``numeric``: a number between two bounds, each inclusive unless open, None meaning unbounded."""
    bounds = []
    if low is not None:
        bounds.append(f"{'>' if low_open else '>='} {low}")
    if high is not None:
        bounds.append(f"{'<' if high_open else '<='} {high}")
    bottom, top = (-MAX_COMPARABLE if low is None else low), (MAX_COMPARABLE if high is None else high)

    def test(leaf: Any) -> bool:
        if not isinstance(leaf, int | float) or isinstance(leaf, bool):
            return False
        above = bottom < leaf if low_open else bottom <= leaf
        return above and (leaf < top if high_open else leaf <= top)

    return Predicate(f"the number {low}" if low == high else "a number " + " and ".join(bounds), test)


def present(needs_content: bool) -> Predicate:
    """``{"exists": true}``: any leaf; where content is needed, neither null nor an empty string."""
    if needs_content:
        return Predicate("the field to be present and not empty", lambda leaf: leaf not in (None, ""))
    return Predicate("the field to be present", lambda _: True)


_DOTTED_QUAD = re.compile(r"\d+\.\d+\.\d+\.\d+", re.ASCII)
_COLON_HEX = re.compile(r"[0-9a-fA-F:]*:[0-9a-fA-F:]*")


def parse_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that ``text`` is, or None. Octets are decimal; no zones, no IPv4 within IPv6."""
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
        return address is not None and address in network

    return Predicate(f"an address in {network}", test)


def anything_but_values(values: Sequence[Leaf]) -> Predicate:
    """``{"anything-but": values}``. An absent field has no leaf, and so does not match."""
    excluded = frozenset(map(token, values))
    return Predicate(f"anything but {_one_of(map(quoted, values))}", lambda leaf: token(leaf) not in excluded)


def anything_but_matching(predicates: Sequence[Predicate]) -> Predicate:
    """``{"anything-but": {operator: operands}}``: a leaf that satisfies none of the predicates."""
    tests = [predicate.test for predicate in predicates]
    wanted = f"anything but {_one_of(predicate.wanted for predicate in predicates)}"
    wildcards = tuple(text for predicate in predicates for text in predicate.wildcards)
    return Predicate(wanted, lambda leaf: not any(test(leaf) for test in tests), wildcards)


@dataclass(frozen=True, slots=True)
class Condition:
    """One field, and the values wanted there. Conditions that ask the same are equal, and hash alike."""

    path: Path
    exact: frozenset[Any]
    """The plain values wanted, as tokens."""
    predicates: tuple[Predicate, ...]
    """The operators' predicates."""
    absent: bool
    """Whether the field may be absent (``{"exists": false}``)."""
    wanted: str = field(compare=False)
    """What is wanted, in words."""
    read: Reader = field(init=False, compare=False, repr=False)
    order: bytes = field(init=False, compare=False, repr=False)
    """Sorts conditions as Event Ruler does: by the dotted path, in UTF-16."""
    accepts: Callable[[Any], bool] = field(init=False, compare=False, repr=False)
    """Whether one leaf is one of the values wanted."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "read", reader(self.path))
        object.__setattr__(self, "order", ".".join(self.path).encode("utf-16-be", "surrogatepass"))
        object.__setattr__(self, "accepts", self._compile())

    def _compile(self) -> Callable[[Any], bool]:
        exact, tests = self.exact, tuple(predicate.test for predicate in self.predicates)
        if not tests:
            return lambda leaf: token(leaf) in exact
        if not exact and len(tests) == 1:
            return tests[0]
        return lambda leaf: token(leaf) in exact or any(test(leaf) for test in tests)

    def accepts_any(self, leaves: Leaves) -> bool:
        """Whether the field may satisfy the condition, for a field that has not exactly one leaf.

        In an array the field may count as absent all the same: :mod:`fanout_tools.patterns.pattern` decides.
        """
        if self.absent and (leaves.through_array or not leaves):
            return True
        return any(map(self.accepts, leaves))

    @classmethod
    def of(cls, path: Path, values: list[Leaf], predicates: list[Predicate], absent: bool) -> "Condition":
        """The condition on a field that may be one of ``values``, satisfy a predicate, or be absent."""
        words = [*map(quoted, values), *(predicate.wanted for predicate in predicates)]
        if absent:
            words.append("the field to be absent")
        return cls(path, frozenset(map(token, values)), tuple(predicates), absent, _one_of(words))


Conjunction = tuple[Condition, ...]
