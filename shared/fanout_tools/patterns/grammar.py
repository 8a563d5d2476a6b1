"""Reads a pattern's JSON into conjunctions of conditions, and refuses what AWS refuses.

``$or`` is multiplied out here, as in Event Ruler: each of its branches continues each conjunction read so far, in the
order of the pattern, and a field that is written again replaces what was wanted of it before. A match expression,
``{"operator": operand}``, becomes a predicate. The rules are those of Event Ruler's compiler, which EventBridge and SNS
answer with; the words are ours, as AWS's name neither the place nor the fix.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fanout_tools.patterns import predicates
from fanout_tools.patterns.complexity import check_complexity
from fanout_tools.patterns.dialects import RESERVED_IN_OR, Dialect, check_limits, describe, quoted, refusal
from fanout_tools.patterns.leaves import Leaf, Path
from fanout_tools.patterns.predicates import Condition, Conjunction, Predicate

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
            elif (predicate := _match_expression(value, inner, self.dialect)) is not None:
                predicates.append(predicate)
            else:
                absent = True
        return Condition.of(path, plain, predicates, absent)


def _match_expression(expression: dict[str, Any], place: str, dialect: Dialect) -> Predicate | None:
    """The predicate that ``expression`` writes; None for ``{"exists": false}``, which asks of no leaf.

    Raises PatternError for an operator that the dialect lacks, or an operand that it refuses.
    """
    name, operand = _sole_entry(expression, place)
    if name not in dialect.operators:
        fix = f"use one of {', '.join(sorted(dialect.operators))}, or a plain value"
        raise refusal(place, f"{dialect.name} has no operator {quoted(name)}", fix)
    if name == "exists":
        return _exists(operand, f"{place}.{name}", dialect)
    return _PARSERS[name](operand, f"{place}.{name}", dialect)


def _sole_entry(expression: dict[str, Any], place: str) -> tuple[str, Any]:
    if len(expression) != 1:
        problem = f"an expression holds one operator, this one has {len(expression)}"
        raise refusal(place, problem, 'write several as elements of the array: [{"prefix": "a"}, {"suffix": "b"}]')
    return next(iter(expression.items()))


def _string(operand: Any, place: str) -> str:
    if not isinstance(operand, str):
        raise refusal(place, f"it takes a string, not {describe(operand)}", "put the text in quotation marks")
    return operand


def _exists(operand: Any, place: str, dialect: Dialect) -> Predicate | None:
    if not isinstance(operand, bool):
        raise refusal(place, f"it takes true or false, not {describe(operand)}", "write it without quotation marks")
    return predicates.present(dialect.exists_needs_content) if operand else None


def _prefix(operand: Any, place: str, dialect: Dialect) -> Predicate:
    if isinstance(operand, dict):
        return predicates.prefix_ignoring_case(_text_of_any_case(operand, place, dialect))
    return predicates.prefix(_string(operand, place))


def _suffix(operand: Any, place: str, dialect: Dialect) -> Predicate:
    if isinstance(operand, dict):
        return predicates.suffix_ignoring_case(_text_of_any_case(operand, place, dialect))
    return predicates.suffix(_string(operand, place))


def _text_of_any_case(operand: dict[str, Any], place: str, dialect: Dialect) -> str:
    """The text of the ``{"equals-ignore-case": text}`` that a prefix or suffix holds."""
    name, text = _sole_entry(operand, place)
    if name != "equals-ignore-case":
        raise refusal(place, f"it cannot hold {quoted(name)}", "give it a string, or equals-ignore-case")
    if not dialect.affix_ignores_case:
        raise refusal(place, f"{dialect.name} does not ignore case here", "give it a string")
    return _string(text, f"{place}.{name}")


def _equals_ignore_case(operand: Any, place: str, _: Dialect) -> Predicate:
    return predicates.equals_ignoring_case(_string(operand, place))


_WILDCARD_PART = re.compile(r"\\[*\\]|[^*\\]+|\*", re.DOTALL)


def _wildcard(operand: Any, place: str, _: Dialect) -> Predicate:
    text = _string(operand, place)
    literals, position = [""], 0
    while position < len(text):
        part = _WILDCARD_PART.match(text, position)
        if part is None:
            raise refusal(place, f"the backslash at character {position + 1} escapes nothing", r"write \* or \\")
        if text.startswith("**", position):
            raise refusal(place, f"consecutive stars at character {position + 1}", "one star is any text: write one")
        if part[0] == "*":
            literals.append("")
        else:
            literals[-1] += part[0][1] if part[0][0] == "\\" else part[0]
        position = part.end()
    return predicates.wildcard(text, literals)


def _number(operand: Any, place: str, dialect: Dialect) -> float:
    if isinstance(operand, bool) or not isinstance(operand, int | float):
        raise refusal(place, f"it takes a number, not {describe(operand)}", "write a number without quotation marks")
    limit, digits = dialect.max_number, dialect.max_fraction_digits
    if not -limit <= operand <= limit:
        problem = f"{operand} is beyond what {dialect.name} compares"
        raise refusal(place, problem, f"stay within -{limit:,.0f} and {limit:,.0f}")
    if Decimal(str(operand)) % Decimal((0, (1,), -digits)):
        raise refusal(place, f"{dialect.name} compares {digits} digits after the point", f"round {operand} to that")
    return operand


def _numeric(operand: Any, place: str, dialect: Dialect) -> Predicate:
    fix = 'write [">", 0] or [">=", 0, "<", 10]'
    if not isinstance(operand, list) or not operand:
        raise refusal(place, f"it takes an array with a comparison, not {describe(operand)}", fix)
    comparisons = operand[::2]
    for comparison in comparisons:
        if comparison not in ("=", "<", "<=", ">", ">="):
            raise refusal(place, f"{describe(comparison)} is no comparison", "use one of = < <= > >=")
    if len(operand) % 2:
        raise refusal(place, f"{quoted(comparisons[-1])} has no number after it", fix)
    numbers = [_number(operand[at], f"{place}[{at}]", dialect) for at in range(1, len(operand), 2)]
    return _range(comparisons, numbers, place)


def _range(comparisons: list[str], numbers: list[float], place: str) -> Predicate:
    match comparisons:
        case ["="]:
            return predicates.in_range(numbers[0], numbers[0])
        case ["<" | "<=" as upper]:
            return predicates.in_range(None, numbers[0], high_open=upper == "<")
        case [">" | ">=" as lower]:
            return predicates.in_range(numbers[0], None, low_open=lower == ">")
        case [">" | ">=" as lower, "<" | "<=" as upper]:
            if numbers[0] >= numbers[1]:
                problem = f"the range {numbers[0]} to {numbers[1]} is empty"
                raise refusal(place, problem, "put the smaller bound first")
            return predicates.in_range(*numbers, low_open=lower == ">", high_open=upper == "<")
    raise refusal(place, "a range is one comparison, or > or >= and then < or <=", 'write [">=", 0, "<", 10]')


def _cidr(operand: Any, place: str, _: Dialect) -> Predicate:
    text = _string(operand, place)
    parts = re.fullmatch("([^/]*)/([0-9]{1,3})", text)
    if parts is None:
        raise refusal(place, f"{quoted(text)} is no network", "write address, slash, number of bits: 10.0.0.0/24")
    address, bits = predicates.parse_address(parts[1]), int(parts[2])
    if address is None:
        raise refusal(place, f"{quoted(parts[1])} is no IP address", "write it in full: 10.0.0.0 or 2001:db8::")
    if bits >= address.max_prefixlen:
        problem = f"IPv{address.version} takes fewer than {address.max_prefixlen} bits, not {bits}"
        raise refusal(place, problem, "write a single address as a plain string")
    return predicates.in_network(ipaddress.ip_network(f"{address}/{bits}", strict=False))


def _anything_but(operand: Any, place: str, dialect: Dialect) -> Predicate:
    if isinstance(operand, dict):
        return _anything_but_matching(operand, place, dialect)
    values = operand if isinstance(operand, list) else [operand]
    fix = "list strings alone or numbers alone"
    if not values:
        raise refusal(place, "an empty array excludes nothing", fix)
    for value in values:
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            raise refusal(place, f"it cannot exclude {describe(value)}", fix)
    if len({isinstance(value, str) for value in values}) == 2:
        raise refusal(place, "strings and numbers are mixed", fix)
    if not isinstance(values[0], str):
        values = [_number(value, place, dialect) for value in values]
    return predicates.anything_but_values(values)


def _anything_but_matching(operand: dict[str, Any], place: str, dialect: Dialect) -> Predicate:
    name, inner = _sole_entry(operand, place)
    if name not in dialect.excludable:
        fix = f"exclude plain values, or by {', '.join(sorted(dialect.excludable))}"
        raise refusal(place, f"{dialect.name} cannot exclude by {quoted(name)}", fix)
    place = f"{place}.{name}"
    texts = inner if isinstance(inner, list) else [inner]
    if not texts:
        raise refusal(place, "an empty array excludes nothing", "list at least one string")
    for text in texts:
        if _string(text, place) == "" and name in ("prefix", "suffix"):
            raise refusal(place, f"every string has the empty {name}", "write at least one character")
    return predicates.anything_but_matching([_PARSERS[name](text, place, dialect) for text in texts])


_PARSERS: dict[str, Callable[[Any, str, Dialect], Predicate]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _equals_ignore_case,
    "wildcard": _wildcard,
    "numeric": _numeric,
    "cidr": _cidr,
    "anything-but": _anything_but,
}
