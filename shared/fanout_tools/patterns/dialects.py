"""What each AWS service takes of the pattern language, the text and the limits included, and how the rest is refused.

* EventBridge: user guide, "Comparison operators for use in event patterns" and "EventBridge quotas".
* SNS: developer guide, "Amazon SNS subscription filter policies" and "Filter policy constraints".
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from fanout.errors import PatternError

__all__ = [
    "EVENTBRIDGE",
    "RESERVED_IN_OR",
    "SNS",
    "Dialect",
    "check_limits",
    "decode",
    "describe",
    "quoted",
    "refusal",
    "value_combinations",
]


def refusal(place: str, problem: str, fix: str) -> PatternError:
    """The error to raise for a ``place`` in the pattern, such as ``detail.data.total[0].numeric``."""
    return PatternError(f"pattern refused at {place}: {problem}; {fix}")


def quoted(value: Any) -> str:
    """A JSON value as people read it; of an event, also a value that is not of JSON, such as a Decimal."""
    return json.dumps(value, ensure_ascii=False, default=str)


def describe(value: Any) -> str:
    """A JSON value named in an error: objects and arrays by their kind, as they may be long."""
    if isinstance(value, dict):
        return "an object"
    return "an array" if isinstance(value, list) else quoted(value)


RESERVED_IN_OR = frozenset(
    {"exactly", "equals-ignore-case", "prefix", "suffix", "anything-but", "exists", "wildcard", "numeric", "cidr"}
    | {"=", "<", "<=", ">", ">=", "regex", "not-wildcard", "not-equals-ignore-case"}
    | {"date-after", "date-on-or-after", "date-before", "date-on-or-before", "in-date-range"}
    | {"ip-address-in-range", "ip-address-not-in-range"}
)
"""Names that no field inside ``$or`` may have, some for operators to come (Event Ruler, Constants)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """The pattern language as one service speaks it."""

    name: str
    """The service, as errors name it."""
    operators: frozenset[str]
    """The operators a value may be written with, ``$or`` and plain values aside."""
    excludable: frozenset[str]
    """The operators that ``anything-but`` may hold; plain values and lists of them are always allowed."""
    affix_ignores_case: bool
    """Whether ``prefix`` and ``suffix`` may hold ``equals-ignore-case``."""
    exists_needs_content: bool
    """Whether ``{"exists": true}`` asks for more than a leaf: a value that is neither null nor empty."""
    max_characters: int
    """Longest pattern, in characters of its JSON text."""
    max_number: float
    """Largest magnitude that ``numeric`` and ``anything-but`` compare."""
    max_fraction_digits: int
    """Digits after the decimal point that ``numeric`` and ``anything-but`` compare."""
    max_keys: int | None = None
    """Most keys at the top of the pattern; None: no limit but the size."""
    max_or_combinations: int | None = None
    """Largest product of the lengths of all ``$or`` arrays."""
    max_value_combinations: int | None = None
    """Largest product of (number of values x depth) over all keys; branches of an ``$or`` add up."""
    max_wildcard_complexity: int | None = None
    """Largest complexity of the wildcards of one field, as :mod:`fanout_tools.patterns.complexity` measures it."""
    or_may_name_a_field: bool = False
    """Whether an ``$or`` that chooses among no fields is the name of a field; else it is refused."""

    def is_or(self, name: str, value: Any) -> bool:
        """Whether an entry of the pattern chooses among fields, or means to and must be refused."""
        return name == "$or" and (not self.or_may_name_a_field or _chooses(value))


def _chooses(branches: Any) -> bool:
    """The three conditions that make an ``$or`` what it is (SNS developer guide, "OR operator")."""
    return (
        isinstance(branches, list)
        and len(branches) > 1
        and all(isinstance(branch, dict) and RESERVED_IN_OR.isdisjoint(branch) for branch in branches)
    )


EVENTBRIDGE = Dialect(
    name="EventBridge",
    operators=frozenset(
        {"prefix", "suffix", "equals-ignore-case", "anything-but", "numeric", "exists", "cidr", "wildcard"}
    ),
    excludable=frozenset({"prefix", "suffix", "equals-ignore-case", "wildcard"}),
    affix_ignores_case=True,
    exists_needs_content=False,
    max_characters=2_048,
    max_number=5e9,
    max_fraction_digits=6,
    max_or_combinations=1_000,
    # AWS says only that some are "too complex"; 10 parts what it was seen to take from what it refuses.
    max_wildcard_complexity=10,
)

# A filter policy under the scope MessageBody; policies over message attributes do not nest.
SNS = Dialect(
    name="SNS",
    operators=frozenset({"prefix", "suffix", "equals-ignore-case", "anything-but", "numeric", "exists", "cidr"}),
    excludable=frozenset({"prefix"}),
    affix_ignores_case=False,
    exists_needs_content=True,
    max_characters=256 * 1_024,
    max_number=1e9,
    max_fraction_digits=5,
    max_keys=5,
    max_value_combinations=150,
    or_may_name_a_field=True,
)


MAX_DEPTH = 100
"""Deepest nesting of objects and arrays. AWS documents no limit but the size, which allows hundreds."""


def decode(source: str | Mapping[str, Any], dialect: Dialect) -> dict[str, Any]:
    """The pattern as parsed JSON.

    The size of a text is counted as it stands, that of a mapping without white space. Raises PatternError for
    what is no JSON object, too long for the dialect, or nested too deeply, and for a name written twice in one
    object: Event Ruler joins the two, and nearly every other reader of JSON keeps the last.
    """
    text = source if isinstance(source, str) else _encode(source)
    if len(text) > dialect.max_characters:
        size = f"{len(text):,} characters, and {dialect.name} takes {dialect.max_characters:,}"
        raise refusal("its top", size, "use prefix or numeric instead of long lists, or split it into several")
    try:
        pattern = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_object)
    except ValueError as error:
        raise refusal("its top", f"it is not JSON ({error})", "write one JSON object") from error
    except RecursionError as error:
        raise _too_deep() from error
    if not isinstance(pattern, dict):
        raise refusal("its top", f"it is {describe(pattern)}", "write one JSON object")
    if _nests_deeper(pattern, MAX_DEPTH):
        raise _too_deep()
    return pattern


def _too_deep() -> PatternError:
    return refusal("its top", "it is nested too deeply", f"nest at most {MAX_DEPTH} levels")


def _nests_deeper(node: Any, levels: int) -> bool:
    if not isinstance(node, dict | list):
        return False
    inner = node.values() if isinstance(node, dict) else node
    return levels == 0 or any(_nests_deeper(child, levels - 1) for child in inner)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise refusal(twice, "the name is written twice in one object", "write it once, with all that is wanted of it")
    return read


def _encode(source: Mapping[str, Any]) -> str:
    try:
        _check_names(source)
        return json.dumps(source, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        fix = "use mappings, lists, strings, numbers, booleans and None"
        raise refusal("its top", f"it is not JSON ({error})", fix) from error


def _check_names(node: Any) -> None:
    """JSON writes a name that is no string as one, which no declaration means: YAML reads ``on`` as true."""
    if isinstance(node, Mapping):
        for name, value in node.items():
            if not isinstance(name, str):
                raise refusal(describe(name), "a name is a string", "put it in quotation marks")
            _check_names(value)
    elif isinstance(node, list | tuple):
        for value in node:
            _check_names(value)


def _plain(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON type")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def check_limits(pattern: dict[str, Any], dialect: Dialect) -> None:
    """Raises PatternError for a pattern with more keys, or more combinations, than the dialect takes."""
    _check(len(pattern), dialect.max_keys, "keys at its top", dialect, "nest some under one key")
    _check(
        _or_combinations(pattern, dialect),
        dialect.max_or_combinations,
        "combinations of the branches of its $or arrays",
        dialect,
        "split it into several rules",
    )
    _check(
        value_combinations(pattern, dialect),
        dialect.max_value_combinations,
        "combinations of its values (values x depth, multiplied over all keys)",
        dialect,
        "list fewer values or nest less, or take the events from the bus",
    )


def _check(count: int, limit: int | None, what: str, dialect: Dialect, fix: str) -> None:
    if limit is not None and count > limit:
        raise refusal("its top", f"{count:,} {what}, and {dialect.name} takes {limit:,}", fix)


def _or_combinations(node: Any, dialect: Dialect) -> int:
    """The product of the lengths of all ``$or`` arrays."""
    if isinstance(node, list):
        return prod(_or_combinations(child, dialect) for child in node)
    if not isinstance(node, dict):
        return 1
    branches = node.get("$or")
    own = len(branches) if isinstance(branches, list) and branches and dialect.is_or("$or", branches) else 1
    return own * prod(_or_combinations(child, dialect) for child in node.values())


def value_combinations(node: Any, dialect: Dialect, depth: int = 1, combinations: int = 1) -> int:
    """``combinations`` times (values x depth) of each key below; the branches of an ``$or`` add up."""
    if not isinstance(node, dict):
        return combinations
    for name, value in node.items():
        if isinstance(value, list) and dialect.is_or(name, value):
            combinations = sum(value_combinations(branch, dialect, depth, combinations) for branch in value)
        elif isinstance(value, dict):
            combinations = value_combinations(value, dialect, depth + 1, combinations)
        elif isinstance(value, list):
            combinations *= max(len(value), 1) * depth
    return combinations
