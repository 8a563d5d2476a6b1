"""PartiQL statements, as far as this repository writes them: INSERT, SELECT, UPDATE and DELETE with ``?`` for values.

INSERT INTO "t" VALUE {'id': ?, 'owner': ?}
SELECT * FROM "t" WHERE "id" = ?
UPDATE "t" SET "a" = ? SET "n" = "n" + ? REMOVE "b" WHERE "id" = ? AND "owner" = ?
DELETE FROM "t" WHERE "id" = ? AND "owner" = ?
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from scripts.reliability.model.expressions import Item, compare

__all__ = ["Condition", "Statement", "parse"]

Kind = Literal["INSERT", "SELECT", "UPDATE", "DELETE"]

_HEAD = re.compile(r'\s*(INSERT\s+INTO|SELECT\s+\*\s+FROM|UPDATE|DELETE\s+FROM)\s+"([^"]+)"\s*')
_INSERTED = re.compile(r"VALUE\s*\{(.*)\}\s*$", re.DOTALL)
_PAIR = re.compile(r"\s*'([^']+)'\s*:\s*\?\s*$")
_SET = re.compile(r'\s*SET\s+((?:"[^"]+"\s*=\s*(?:"[^"]+"\s*[+-]\s*)?\?\s*,?\s*)+)')
_ASSIGNMENT = re.compile(r'"([^"]+)"\s*=\s*(?:"([^"]+)"\s*([+-])\s*)?\?\s*,?\s*')
_REMOVE = re.compile(r'\s*REMOVE\s+"([^"]+)"\s*')
_CONDITION = re.compile(
    r'\s*(?:(attribute_not_exists|attribute_exists)\(\s*"([^"]+)"\s*\)|"([^"]+)"\s*(=|<>|<=|>=|<|>)\s*\?)\s*(AND\s+|$)'
)


@dataclass(frozen=True)
class Condition:
    """One term of a WHERE."""

    attribute: str
    comparison: str
    value: Any = None

    def holds(self, item: Item) -> bool:
        found = item.get(self.attribute)
        if self.comparison == "attribute_exists":
            return found is not None
        if self.comparison == "attribute_not_exists":
            return found is None
        return compare(self.comparison, found, self.value)


@dataclass
class Statement:
    kind: Kind
    table: str
    inserted: Item = field(default_factory=dict)
    assigned: list[tuple[str, str, str, Any]] = field(default_factory=list)
    """Attribute, the attribute that is added to (or ''), the sign, the value."""
    removed: list[str] = field(default_factory=list)
    conditions: list[Condition] = field(default_factory=list)

    def key(self, names: Sequence[str]) -> Item:
        """The primary key that it names.

        :raises ValueError: it does not name the whole of it by equality.
        """
        if self.kind == "INSERT":
            return {name: self.inserted[name] for name in names}
        equal = {c.attribute: c.value for c in self.conditions if c.comparison == "="}
        if missing := [name for name in names if name not in equal]:
            raise ValueError(f"WHERE does not name the key's {missing}")
        return {name: equal[name] for name in names}

    def updated(self, item: Mapping[str, Any]) -> Item:
        """The item after an UPDATE."""
        result = dict(item)
        for attribute, base, sign, value in self.assigned:
            if base:
                number, change = Decimal(item[base]["N"]), Decimal(value["N"])
                value = {"N": str(number + change if sign == "+" else number - change)}
            result[attribute] = value
        for attribute in self.removed:
            result.pop(attribute, None)
        return result


def parse(text: str, parameters: Sequence[Any]) -> Statement:
    """
    :raises NotImplementedError: the model does not know such a statement.
    """
    head = _HEAD.match(text)
    if head is None:
        raise NotImplementedError(f"the model of DynamoDB does not read {text!r}")
    left = list(parameters)
    kind: Any = head[1].split()[0]
    statement = Statement(kind, head[2])
    rest = text[head.end() :]
    if kind == "INSERT":
        rest = _read_inserted(statement, rest, left)
    elif kind == "UPDATE":
        rest = _read_changes(statement, rest, left)
    if kind != "INSERT":
        rest = _read_conditions(statement, rest, left)
    if rest.strip() or left:
        raise NotImplementedError(f"the model of DynamoDB does not read {rest!r} of {text!r}; {len(left)} values left")
    return statement


def _read_inserted(statement: Statement, rest: str, left: list[Any]) -> str:
    found = _INSERTED.match(rest)
    if found is None:
        raise NotImplementedError(f"the model of DynamoDB does not read {rest!r}")
    for pair in found[1].split(","):
        name = _PAIR.match(pair)
        if name is None:
            raise NotImplementedError(f"the model of DynamoDB does not read {pair!r}")
        statement.inserted[name[1]] = left.pop(0)
    return rest[found.end() :]


def _read_changes(statement: Statement, rest: str, left: list[Any]) -> str:
    while True:
        if change := _SET.match(rest):
            for name, base, sign in _ASSIGNMENT.findall(change[1]):
                statement.assigned.append((name, base, sign, left.pop(0)))
        elif change := _REMOVE.match(rest):
            statement.removed.append(change[1])
        else:
            return rest
        rest = rest[change.end() :]


def _read_conditions(statement: Statement, rest: str, left: list[Any]) -> str:
    where = re.match(r"\s*WHERE\s+", rest)
    if where is None:
        return rest
    rest = rest[where.end() :]
    while rest:
        found = _CONDITION.match(rest)
        if found is None:
            raise NotImplementedError(f"the model of DynamoDB does not read {rest!r}")
        if found[1]:
            statement.conditions.append(Condition(found[2], found[1]))
        else:
            statement.conditions.append(Condition(found[3], found[4], left.pop(0)))
        rest = rest[found.end() :]
    return rest
