"""Reads a pattern's JSON into conjunctions of conditions, and refuses what AWS refuses.

``$or`` is multiplied out here, as in Event Ruler: each of its branches continues each conjunction read so
far, in the order of the pattern, and a field that is written again replaces what was wanted of it before.
"""

from dataclasses import dataclass
from typing import Any

from fanout_tools.patterns.complexity import check_complexity
from fanout_tools.patterns.conditions import Condition, Conjunction
from fanout_tools.patterns.dialects import RESERVED_IN_OR, Dialect
from fanout_tools.patterns.leaves import Leaf, Path
from fanout_tools.patterns.limits import check_limits
from fanout_tools.patterns.operators import match_expression
from fanout_tools.patterns.predicates import Predicate
from fanout_tools.patterns.refusal import describe, refusal

__all__ = ["read_pattern"]

_Fields = dict[Path, Condition]
"""A conjunction in the making, by field."""


def read_pattern(pattern: dict[str, Any], dialect: Dialect) -> tuple[Conjunction, ...]:
    """The conjunctions any of which an event must satisfy.

    Raises PatternError, naming the place in the pattern, what is wrong there, and the fix.
    """
    check_limits(pattern, dialect)
    conjunctions = _Grammar(dialect).read_object(pattern, (), "", [{}])
    read = tuple(tuple(fields.values()) for fields in conjunctions)
    if dialect.max_wildcard_complexity is not None:
        check_complexity(read, dialect.max_wildcard_complexity)
    return read


@dataclass(frozen=True, slots=True)
class _Grammar:
    dialect: Dialect

    def read_object(
        self, node: dict[str, Any], path: Path, place: str, so_far: list[_Fields], in_or: bool = False
    ) -> list[_Fields]:
        """The conjunctions ``so_far``, each continued by the fields of ``node``, which stands at
        ``place``."""
        if not node:
            raise refusal(place or "its top", "an empty object asks for nothing", "name a field, or leave it out")
        for name, value in node.items():
            inner = f"{place}.{name}" if place else name
            if self.dialect.is_or(name, value):
                so_far = self._read_or(value, path, inner, so_far)
            else:
                if in_or and name in RESERVED_IN_OR:
                    problem = f"$or chooses among fields, and {name} is reserved for operators"
                    raise refusal(inner, problem, 'name the field first: {"a": [...]}')
                so_far = self._read_field(value, (*path, *name.split(".")), inner, so_far, in_or)
        return so_far

    def _read_or(self, branches: Any, path: Path, place: str, so_far: list[_Fields]) -> list[_Fields]:
        fix = 'write {"$or": [{"a": [1]}, {"b": [2]}]}'
        if not isinstance(branches, list) or len(branches) < 2:
            raise refusal(place, "it takes an array of at least two objects", fix)
        continued = []
        for at, branch in enumerate(branches):
            if not isinstance(branch, dict):
                raise refusal(f"{place}[{at}]", f"it takes objects, not {describe(branch)}", fix)
            copies = [dict(fields) for fields in so_far]
            continued += self.read_object(branch, path, f"{place}[{at}]", copies, in_or=True)
        return continued

    def _read_field(self, value: Any, path: Path, place: str, so_far: list[_Fields], in_or: bool) -> list[_Fields]:
        if isinstance(value, dict):
            return self.read_object(value, path, place, so_far, in_or)
        if not isinstance(value, list):
            given = describe(value)
            raise refusal(place, f"a field takes an array of values, not {given}", f"write [{given}]")
        if not value:
            raise refusal(place, "an empty array matches nothing", "list a value, or leave the field out")
        condition = self._read_values(value, path, place)
        for fields in so_far:
            fields[path] = condition
        return so_far

    def _read_values(self, values: list[Any], path: Path, place: str) -> Condition:
        plain: list[Leaf] = []
        predicates: list[Predicate] = []
        absent = False
        for at, value in enumerate(values):
            inner = f"{place}[{at}]"
            if isinstance(value, list):
                raise refusal(inner, "an array is no value", "list its elements: an array matches by any of them")
            if not isinstance(value, dict):
                plain.append(value)
            elif (predicate := match_expression(value, inner, self.dialect)) is not None:
                predicates.append(predicate)
            else:
                absent = True
        return Condition.of(path, plain, predicates, absent)
