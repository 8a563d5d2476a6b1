"""DynamoDB's condition, key condition and update expressions, as far as this repository writes them.

attribute_exists(a) AND NOT contains(#b, :c) OR (#d = :e AND f < :g)
SET #a = :b, #n = #n + :one REMOVE c ADD d :e
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

__all__ = ["Item", "Names", "Values", "compare", "holds", "update"]

Item = dict[str, Any]
Names = Mapping[str, str]
Values = Mapping[str, Any]

_TOKEN = re.compile(r"\s*(<>|<=|>=|[=<>(),+-]|[#:]?[A-Za-z_][A-Za-z0-9_]*)")
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_CLAUSES = ("SET", "REMOVE", "ADD", "DELETE")


def compare(comparison: str, left: Any, right: Any) -> bool:
    """Whether two attribute values compare so; what is missing compares with nothing."""
    if left is None or right is None or left.keys() != right.keys():
        return comparison == "<>" and left is not None and right is not None
    return _COMPARISONS[comparison](_plain(left), _plain(right))


def _plain(value: Mapping[str, Any]) -> Any:
    [(kind, content)] = value.items()
    return Decimal(content) if kind == "N" else content


def holds(condition: str, item: Item, names: Names, values: Values) -> bool:
    """Whether an item, or none (empty), satisfies the condition."""
    return _Parser(condition, item, names, values).condition()


def update(expression: str, item: Item, names: Names, values: Values) -> Item:
    """The item after the update."""
    return _Parser(expression, item, names, values).updated()


class _Parser:
    def __init__(self, text: str, item: Item, names: Names, values: Values) -> None:
        self._tokens = _TOKEN.findall(text)
        if "".join(self._tokens) != re.sub(r"\s", "", text):
            raise NotImplementedError(f"the model of DynamoDB does not read {text!r}")
        self._item, self._names, self._values = item, names, values

    # Tokens.

    def _next(self) -> str:
        token: str = self._tokens.pop(0)
        return token

    def _peek(self) -> str:
        return self._tokens[0] if self._tokens else ""

    def _expect(self, token: str) -> None:
        found = self._next()
        if found != token:
            raise NotImplementedError(f"the model of DynamoDB expects {token!r}, not {found!r}")

    def _path(self) -> str:
        token = self._next()
        return self._names[token] if token.startswith("#") else token

    # Conditions.

    def condition(self) -> bool:
        result = self._any()
        if self._tokens:
            raise NotImplementedError(f"the model of DynamoDB does not read {self._tokens}")
        return result

    def _any(self) -> bool:
        result = self._all()
        while self._peek() == "OR":
            self._next()
            result = self._all() or result  # both sides are read
        return result

    def _all(self) -> bool:
        result = self._single()
        while self._peek() == "AND":
            self._next()
            result = self._single() and result
        return result

    def _single(self) -> bool:
        token = self._peek()
        if token == "NOT":
            self._next()
            return not self._single()
        if token == "(":
            self._next()
            result = self._any()
            self._expect(")")
            return result
        if token in ("attribute_exists", "attribute_not_exists", "contains", "begins_with"):
            return self._function(self._next())
        left = self._operand()
        comparison = self._next()
        return compare(comparison, left, self._operand())

    def _function(self, name: str) -> bool:
        self._expect("(")
        path = self._path()
        found = self._item.get(path)
        if name.startswith("attribute"):
            self._expect(")")
            return (found is None) == (name == "attribute_not_exists")
        self._expect(",")
        wanted = self._operand()
        self._expect(")")
        return found is not None and wanted is not None and _FUNCTIONS[name](found, wanted)

    def _operand(self) -> Any:
        token = self._next()
        if token.startswith(":"):
            return self._values[token]
        if token == "if_not_exists":
            self._expect("(")
            found = self._item.get(self._path())
            self._expect(",")
            default = self._operand()
            self._expect(")")
            return default if found is None else found
        return self._item.get(self._names[token] if token.startswith("#") else token)

    # Updates.

    def updated(self) -> Item:
        result = dict(self._item)
        while self._tokens:
            clause = self._next()
            if clause not in _CLAUSES:
                raise NotImplementedError(f"the model of DynamoDB does not read {clause!r}")
            while True:
                self._action(clause, result)
                if self._peek() != ",":
                    break
                self._next()
        return result

    def _action(self, clause: str, result: Item) -> None:
        path = self._path()
        if clause == "REMOVE":
            result.pop(path, None)
        elif clause == "SET":
            self._expect("=")
            result[path] = self._value()
        elif clause == "ADD":
            result[path] = _added(result.get(path), self._operand())
        else:
            raise NotImplementedError("the model of DynamoDB knows no DELETE clause")

    def _value(self) -> Any:
        value = self._operand()
        while self._peek() in ("+", "-"):
            sign = 1 if self._next() == "+" else -1
            value = {"N": str(Decimal(value["N"]) + sign * Decimal(self._operand()["N"]))}
        return value


def _contains(found: Any, wanted: Any) -> bool:
    [(kind, content)] = found.items()
    [wanted_content] = wanted.values()
    return wanted_content in content if kind in ("S", "SS", "NS") else wanted in content


def _begins_with(found: Any, wanted: Any) -> bool:
    return str(found.get("S", "")).startswith(wanted["S"])


_FUNCTIONS: dict[str, Callable[[Any, Any], bool]] = {"contains": _contains, "begins_with": _begins_with}


def _added(present: Any, more: Any) -> Any:
    [(kind, content)] = more.items()
    if kind == "N":
        return {"N": str(Decimal((present or {"N": "0"})["N"]) + Decimal(content))}
    return {kind: sorted({*(present or {kind: []})[kind], *content})}
