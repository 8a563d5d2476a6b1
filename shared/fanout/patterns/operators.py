"""Reads one match expression, ``{"operator": operand}``, into a predicate, and refuses what AWS refuses.

The rules are those of Event Ruler's compiler, which EventBridge and SNS answer with; the words are ours, as
AWS's name neither the place nor the mend. AWS also refuses wildcards that are "too complex" by a measure it
does not publish: only AWS can tell.
"""

import ipaddress
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Never

from fanout.errors import PatternError
from fanout.patterns import predicates
from fanout.patterns.dialects import Dialect
from fanout.patterns.predicates import Predicate, quoted

__all__ = ["match_expression", "refuse"]


def refuse(place: str, problem: str, mend: str) -> Never:
    """Raise the PatternError for the ``place`` in the pattern."""
    raise PatternError(f"pattern refused at {place}: {problem}; {mend}")


def match_expression(expression: dict[str, Any], place: str, dialect: Dialect) -> Predicate:
    """The predicate that ``expression`` writes; ``exists: false``, which asks of no leaf, is not one.

    Raises PatternError for an operator that the dialect lacks, or an operand that it refuses.
    """
    name, operand = _sole_entry(expression, place)
    if name not in dialect.operators:
        known = ", ".join(sorted(dialect.operators))
        refuse(place, f"{dialect.name} has no operator {quoted(name)}", f"use one of {known}, or a plain value")
    return _PARSERS[name](operand, f"{place}.{name}", dialect)


def _sole_entry(expression: dict[str, Any], place: str) -> tuple[str, Any]:
    if len(expression) != 1:
        refuse(
            place,
            f"an expression holds one operator, this one has {len(expression)}",
            'write several as several elements of the array: [{"prefix": "a"}, {"suffix": "b"}]',
        )
    return next(iter(expression.items()))


def _string(operand: Any, place: str) -> str:
    if not isinstance(operand, str):
        refuse(place, f"it takes a string, not {describe(operand)}", "put the text in quotation marks")
    return operand


def describe(value: Any) -> str:
    """A JSON value, named in an error: containers by their kind, as they may be long."""
    if isinstance(value, dict):
        return "an object"
    return "an array" if isinstance(value, list) else quoted(value)


def _affix(operand: Any, place: str, dialect: Dialect) -> Predicate:
    operator = place.rpartition(".")[2]
    if not isinstance(operand, dict):
        return predicates.starts_or_ends(operator, _string(operand, place))
    name, text = _sole_entry(operand, place)
    if name != "equals-ignore-case":
        refuse(place, f"{operator} cannot hold {quoted(name)}", "give it a string, or equals-ignore-case")
    if not dialect.affix_ignores_case:
        refuse(place, f"{dialect.name} has no {operator} that ignores case", "give it a string")
    return predicates.starts_or_ends_ignoring_case(operator, _string(text, f"{place}.{name}"))


def _equals_ignore_case(operand: Any, place: str, _: Dialect) -> Predicate:
    return predicates.equals_ignoring_case(_string(operand, place))


_WILDCARD_PART = re.compile(r"\\[*\\]|[^*\\]+|\*", re.DOTALL)


def _wildcard(operand: Any, place: str, _: Dialect) -> Predicate:
    text = _string(operand, place)
    literals, position = [""], 0
    while position < len(text):
        part = _WILDCARD_PART.match(text, position)
        if part is None:
            refuse(place, f"the backslash at character {position + 1} escapes nothing", r"write \* or \\")
        if text.startswith("**", position):
            refuse(
                place,
                f"consecutive stars at character {position + 1}",
                "one star matches any text: write one",
            )
        if part[0] == "*":
            literals.append("")
        else:
            literals[-1] += part[0][1] if part[0][0] == "\\" else part[0]
        position = part.end()
    return predicates.wildcard(text, literals)


def _exists(operand: Any, place: str, dialect: Dialect) -> Predicate:
    if not isinstance(operand, bool):
        refuse(place, f"it takes true or false, not {describe(operand)}", "write true or false without quotes")
    return predicates.present(dialect.exists_needs_content)


def _number(operand: Any, place: str, dialect: Dialect) -> float:
    if isinstance(operand, bool) or not isinstance(operand, int | float):
        refuse(place, f"it compares with a number, not {describe(operand)}", "write a number without quotes")
    if not -dialect.max_number <= operand <= dialect.max_number:
        bound = f"{dialect.max_number:,.0f}"
        refuse(place, f"{operand} is beyond what {dialect.name} compares", f"stay within -{bound} and {bound}")
    exponent = Decimal(str(operand)).normalize().as_tuple().exponent
    if isinstance(exponent, int) and -exponent > dialect.max_fraction_digits:
        digits = dialect.max_fraction_digits
        refuse(
            place,
            f"{dialect.name} compares {digits} digits after the point",
            f"round {operand} to {digits} digits",
        )
    return operand


def _numeric(operand: Any, place: str, dialect: Dialect) -> Predicate:
    if not isinstance(operand, list) or not operand:
        refuse(place, f"it takes an array, not {describe(operand)}", 'write [">", 0] or [">=", 0, "<", 10]')
    comparators = operand[::2]
    for comparator in comparators:
        if comparator not in ("=", "<", "<=", ">", ">="):
            refuse(place, f"{describe(comparator)} is no comparison", "use one of = < <= > >=")
    if len(operand) % 2:
        refuse(place, f"{quoted(comparators[-1])} has no number after it", 'write [">", 0] or [">=", 0, "<", 10]')
    numbers = [_number(number, f"{place}[{2 * at + 1}]", dialect) for at, number in enumerate(operand[1::2])]
    return _range(comparators, numbers, place)


def _range(comparators: list[str], numbers: list[float], place: str) -> Predicate:
    match comparators:
        case ["="]:
            return predicates.in_range(numbers[0], numbers[0])
        case ["<" | "<=" as upper]:
            return predicates.in_range(None, numbers[0], high_open=upper == "<")
        case [">" | ">=" as lower]:
            return predicates.in_range(numbers[0], None, low_open=lower == ">")
        case [">" | ">=" as lower, "<" | "<=" as upper]:
            if numbers[0] >= numbers[1]:
                refuse(place, f"the range {numbers[0]} to {numbers[1]} is empty", "write the smaller bound first")
            return predicates.in_range(*numbers, low_open=lower == ">", high_open=upper == "<")
    refuse(place, "a range is one comparison, or > or >= and then < or <=", 'write [">=", 0, "<", 10]')


def _cidr(operand: Any, place: str, _: Dialect) -> Predicate:
    text = _string(operand, place)
    address_text, slash, bits = text.partition("/")
    if not slash or not re.fullmatch("[0-9]+", bits):
        refuse(
            place,
            f"{quoted(text)} is no network",
            "write an address, a slash and a number of bits: 10.0.0.0/24",
        )
    address = predicates.parse_address(address_text)
    if address is None:
        refuse(
            place,
            f"{quoted(address_text)} is no IP address",
            "write it in full, as in 10.0.0.0 or 2001:db8::",
        )
    if int(bits) >= address.max_prefixlen:
        refuse(
            place,
            f"IPv{address.version} takes fewer than {address.max_prefixlen} bits, not {bits}",
            "for a single address, write it as a plain string",
        )
    return predicates.in_network(ipaddress.ip_network(f"{address}/{int(bits)}", strict=False))


def _anything_but(operand: Any, place: str, dialect: Dialect) -> Predicate:
    if isinstance(operand, dict):
        return _anything_but_matching(operand, place, dialect)
    values = operand if isinstance(operand, list) else [operand]
    mend = "list strings alone or numbers alone"
    if not values:
        refuse(place, "an empty array excludes nothing", mend)
    for value in values:
        if isinstance(value, bool | dict | list) or value is None:
            refuse(place, f"it cannot exclude {describe(value)}", mend)
    if len({isinstance(value, str) for value in values}) == 2:
        refuse(place, "strings and numbers are mixed", mend)
    for value in values:
        if not isinstance(value, str):
            _number(value, place, dialect)
    return predicates.anything_but(values)


def _anything_but_matching(operand: dict[str, Any], place: str, dialect: Dialect) -> Predicate:
    name, inner = _sole_entry(operand, place)
    if name not in dialect.excludable:
        known = ", ".join(sorted(dialect.excludable))
        refuse(place, f"{dialect.name} cannot exclude by {quoted(name)}", f"exclude plain values, or by {known}")
    place = f"{place}.{name}"
    texts = inner if isinstance(inner, list) else [inner]
    if not texts:
        refuse(place, "an empty array excludes nothing", "list at least one string")
    for text in texts:
        if _string(text, place) == "" and name in ("prefix", "suffix"):
            refuse(place, f"every string has the empty {name}", "write at least one character")
    return predicates.anything_but([_PARSERS[name](text, place, dialect) for text in texts])


_PARSERS: dict[str, Callable[[Any, str, Dialect], Predicate]] = {
    "prefix": _affix,
    "suffix": _affix,
    "equals-ignore-case": _equals_ignore_case,
    "wildcard": _wildcard,
    "exists": _exists,
    "numeric": _numeric,
    "cidr": _cidr,
    "anything-but": _anything_but,
}
