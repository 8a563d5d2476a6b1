"""Reads a pattern's JSON into conjunctions of conditions, and refuses what AWS refuses.
 ``$or`` is expanded here, as Event Ruler does: each of its branches continues each conjunction read so far,
in the order of the pattern, and a field that is written again replaces what was wanted of it before.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from fanout.patterns.conditions import Condition, Conjunction
from fanout.patterns.dialects import Dialect
from fanout.patterns.leaves import Leaf, Path
from fanout.patterns.operators import describe, match_expression, refuse
from fanout.patterns.predicates import Predicate

__all__ = ["decode", "read_pattern"]

MAX_DEPTH = 100
"""Deepest nesting of objects and arrays. AWS documents none, but a pattern could nest as deep as it is
long."""
_OPERATOR_NAMES = frozenset(
    {"prefix", "suffix", "equals-ignore-case", "anything-but", "numeric", "exists", "cidr", "wildcard"}
)
_Fields = dict[Path, Condition]


def decode(source: str | Mapping[str, Any], dialect: Dialect) -> dict[str, Any]:
    """The pattern as parsed JSON, whether it comes as text or as a mapping, once its size is within the
    limit."""
    text = source if isinstance(source, str) else _encode(source)
    if len(text) > dialect.max_characters:
        refuse(
            "its top",
            f"{len(text):,} characters, and {dialect.name} takes {dialect.max_characters:,}",
            "shorten it, with prefix or numeric for long lists, or split it into two subscriptions",
        )
    try:
        pattern = json.loads(text, parse_constant=_no_constant)
    except ValueError as error:
        refuse("its top", f"it is not JSON ({error})", "write one JSON object")
    except RecursionError:
        refuse("its top", "it is nested too deeply", f"nest at most {MAX_DEPTH} levels")
    if not isinstance(pattern, dict):
        refuse("its top", f"it is {describe(pattern)}", "write one JSON object")
    if _nests_deeper(pattern, MAX_DEPTH):
        refuse("its top", "it is nested too deeply", f"nest at most {MAX_DEPTH} levels")
    return pattern


def _nests_deeper(node: Any, levels: int) -> bool:
    if not isinstance(node, dict | list):
        return False
    inner = node.values() if isinstance(node, dict) else node
    return levels == 0 or any(_nests_deeper(child, levels - 1) for child in inner)


def _encode(source: Mapping[str, Any]) -> str:
    try:
        return json.dumps(source, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        refuse("its top", f"it is not JSON ({error})", "use mappings, lists, strings, numbers, booleans and null")


def _plain(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON type")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def read_pattern(pattern: dict[str, Any], dialect: Dialect) -> tuple[Conjunction, ...]:
    """The conjunctions any of which an event must satisfy.

    Raises PatternError, naming the place in the pattern, what is wrong there, and the mend.
    """
    _check_limits(pattern, dialect)
    choices = _Reader(dialect).read_object(pattern, (), "", [{}])
    return tuple(tuple(fields.values()) for fields in choices)


def _place(parent: str, name: str) -> str:
    return f"{parent}.{name}" if parent else name


@dataclass(frozen=True, slots=True)
class _Reader:
    dialect: Dialect

    def read_object(
        self, node: dict[str, Any], path: Path, place: str, choices: list[_Fields], in_or: bool = False
    ) -> list[_Fields]:
        """The choices so far, each continued by the fields of ``node``."""
        if not node:
            refuse(place or "its top", "an empty object asks for nothing", "name a field, or leave it out")
        for name, value in node.items():
            inner = _place(place, name)
            if name == "$or" and not isinstance(value, dict):  # an object makes it a field's name in Event Ruler
                choices = self._read_or(value, path, inner, choices)
                continue
            if in_or and name in _OPERATOR_NAMES:
                refuse(
                    inner,
                    f"$or chooses among fields, and {name} is an operator",
                    'write {"field": [...]} in it',
                )
            if isinstance(value, dict):
                choices = self.read_object(value, (*path, *name.split(".")), inner, choices, in_or)
            else:
                condition = self._read_values(value, (*path, *name.split(".")), inner)
                for fields in choices:
                    fields[condition.path] = condition
        return choices

    def _read_or(self, branches: Any, path: Path, place: str, choices: list[_Fields]) -> list[_Fields]:
        mend = 'write {"$or": [{"a": [1]}, {"b": [2]}]}'
        if not isinstance(branches, list) or len(branches) < 2:
            refuse(place, "it takes an array of at least two objects", mend)
        continued = []
        for at, branch in enumerate(branches):
            if not isinstance(branch, dict):
                refuse(f"{place}[{at}]", f"it takes objects, not {describe(branch)}", mend)
            copies = [dict(fields) for fields in choices]
            continued += self.read_object(branch, path, f"{place}[{at}]", copies, in_or=True)
        return continued

    def _read_values(self, values: Any, path: Path, place: str) -> Condition:
        if not isinstance(values, list):
            wrapped = f"[{describe(values)}]"
            refuse(place, f"a field takes an array of values, not {describe(values)}", f"write {wrapped}")
        if not values:
            refuse(place, "an empty array matches nothing", "list a value, or leave the field out")
        plain: list[Leaf] = []
        predicates: list[Predicate] = []
        absent = False
        for at, value in enumerate(values):
            inner = f"{place}[{at}]"
            if isinstance(value, dict):
                predicate = match_expression(value, inner, self.dialect)
                if value == {"exists": False}:
                    absent = True
                else:
                    predicates.append(predicate)
            elif isinstance(value, list):
                refuse(
                    inner,
                    "an array is no value",
                    "list its elements; an event's array matches by any element",
                )
            else:
                plain.append(value)
        return Condition.of(path, plain, predicates, absent)


def _check_limits(pattern: dict[str, Any], dialect: Dialect) -> None:
    if dialect.max_keys is not None and len(pattern) > dialect.max_keys:
        refuse(
            "its top",
            f"{len(pattern)} keys, and {dialect.name} takes {dialect.max_keys}",
            "nest or drop keys",
        )
    if dialect.max_or_combinations is not None:
        combinations = _or_combinations(pattern)
        if combinations > dialect.max_or_combinations:
            refuse(
                "its top",
                f"the $or arrays multiply to {combinations:,} combinations, and {dialect.name} takes "
                f"{dialect.max_or_combinations:,}",
                "split it into several rules",
            )
    if dialect.max_value_combinations is not None:
        combinations = _value_combinations(pattern, 1, 1)
        if combinations > dialect.max_value_combinations:
            refuse(
                "its top",
                f"its values multiply to {combinations:,} combinations (values x depth of each key), and "
                f"{dialect.name} takes {dialect.max_value_combinations:,}",
                "list fewer values, nest less, or subscribe by a rule of the bus",
            )


def _or_combinations(node: Any) -> int:
    """The product of the lengths of all ``$or`` arrays."""
    if isinstance(node, list):
        return prod(map(_or_combinations, node))
    if not isinstance(node, dict):
        return 1
    own = len(node["$or"]) if isinstance(node.get("$or"), list) else 1
    return max(own, 1) * prod(map(_or_combinations, node.values()))


def _value_combinations(node: Any, depth: int, combinations: int) -> int:
    """The product of (values x depth) over all keys, on top of ``combinations``; ``$or`` adds its branches
    up."""
    if not isinstance(node, dict):
        return combinations
    for name, value in node.items():
        if name == "$or" and isinstance(value, list):
            combinations = sum(_value_combinations(branch, depth, combinations) for branch in value)
        elif isinstance(value, dict):
            combinations = _value_combinations(value, depth + 1, combinations)
        elif isinstance(value, list):
            combinations *= max(len(value), 1) * depth
    return combinations
