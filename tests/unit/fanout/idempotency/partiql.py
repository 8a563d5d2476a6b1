"""A DynamoDB that answers BatchExecuteStatement in memory, as far as the idempotency store speaks PartiQL.

moto fails on INSERT within a batch, and an emulator is no unit test's. The answers are those that AWS documents:
every statement for itself, ``DuplicateItem`` for a taken key, ``ConditionalCheckFailed`` for a condition not met.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import ClientError

__all__ = ["PartiQL"]

Item = dict[str, Any]
Faults = Callable[[str, str], str | None]
"""From a statement's verb and its key to the error code that happens to it."""

INSERT = re.compile(r"""INSERT INTO "(?P<table>[^"]+)" VALUE \{(?P<pairs>.*)\}""")
SELECT = re.compile(r"""SELECT \* FROM "(?P<table>[^"]+)" WHERE (?P<where>.*)""")
UPDATE = re.compile(r"""UPDATE "(?P<table>[^"]+)" (?P<sets>(SET|REMOVE) .*?) WHERE (?P<where>.*)""")
DELETE = re.compile(r"""DELETE FROM "(?P<table>[^"]+)" WHERE (?P<where>.*)""")
NAME = re.compile(r"""["'](\w+)["'](?:: | = )\?""")


class PartiQL:
    """One table, ``events``, keyed by ``id``."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.calls: list[list[str]] = []
        """The verbs of each call's statements."""
        self.faults: Faults = lambda verb, key: None
        self.failing_calls: list[ClientError] = []
        """Errors of the next calls as a whole."""
        self.before: Callable[[str, str], None] = lambda verb, key: None
        """Called before each statement: what others do in the meantime."""

    def batch_execute_statement(self, *, Statements: Sequence[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        assert 1 <= len(Statements) <= 25
        self.calls.append([statement["Statement"].split()[0] for statement in Statements])
        if self.failing_calls:
            raise self.failing_calls.pop(0)
        return {"Responses": [self._answer(statement) for statement in Statements]}

    def transact_write_items(self, *, TransactItems: Sequence[dict[str, Any]]) -> None:  # noqa: N803
        """The store's own update, alone."""
        [item] = TransactItems
        update = item["Update"]
        names, values = update["ExpressionAttributeNames"], update["ExpressionAttributeValues"]

        def pairs(expression: str) -> Item:
            return {names[name]: values[value] for name, value in re.findall(r"(#\w+) = (:\w+)", expression)}

        key = update["Key"]["id"]["S"]
        changes, condition = pairs(update["UpdateExpression"]), pairs(update["ConditionExpression"])
        code, _ = self._update(key, changes, condition)
        if code:
            response: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": [{"Code": code}]}
            raise ClientError(response, "TransactWriteItems")

    def _answer(self, statement: dict[str, Any]) -> dict[str, Any]:
        text, values = statement["Statement"], list(statement["Parameters"])
        verb = text.split()[0]
        found = {"INSERT": INSERT, "SELECT": SELECT, "UPDATE": UPDATE, "DELETE": DELETE}[verb].fullmatch(text)
        assert found is not None, text
        assert found["table"] == "events"
        parts = found.groupdict()
        removed = re.findall(r'REMOVE "(\w+)"', parts.get("sets") or "")
        changes = dict(zip(NAME.findall(parts.get("pairs") or parts.get("sets") or ""), values, strict=False))
        condition = dict(zip(NAME.findall(parts.get("where") or ""), values[len(changes) :], strict=True))
        key = (condition or changes)["id"]["S"]
        self.before(verb, key)
        code = self.faults(verb, key)
        if code is None:
            code, item = getattr(self, f"_{verb.lower()}")(key, changes, condition)
            for name in [] if code else removed:
                self.items[key].pop(name, None)
        if code is not None:
            return {"Error": {"Code": code, "Message": "why"}}
        assert verb != "SELECT" or statement["ConsistentRead"]
        return {"TableName": "events", **({"Item": item} if item else {})}

    def _insert(self, key: str, changes: Item, condition: Item) -> tuple[str | None, Item | None]:
        if key in self.items:
            return "DuplicateItem", None
        self.items[key] = changes
        return None, None

    def _select(self, key: str, changes: Item, condition: Item) -> tuple[str | None, Item | None]:
        return None, self.items.get(key)

    def _update(self, key: str, changes: Item, condition: Item) -> tuple[str | None, Item | None]:
        item = self.items.get(key)
        if item is None or not condition.items() <= item.items():
            return "ConditionalCheckFailed", None
        self.items[key] = {**item, **changes}
        return None, None

    def _delete(self, key: str, changes: Item, condition: Item) -> tuple[str | None, Item | None]:
        item = self.items.get(key)
        if item is not None and not condition.items() <= item.items():
            return "ConditionalCheckFailed", None
        self.items.pop(key, None)
        return None, None
