"""DynamoDB's tables, and the operations that this repository uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from scripts.reliability.model.errors import EXCEPTIONS, refusal
from scripts.reliability.model.expressions import Item, holds, update
from scripts.reliability.model.partiql import Statement, parse

__all__ = ["ModelDynamoDB", "Table"]

MAX_STATEMENTS = 25
MAX_ITEM_BYTES = 400 * 1024
MAX_TRANSACTION = 100

Key = tuple[str, ...]
Listener = Callable[[str, Item], None]


@dataclass
class Table:
    name: str
    keys: Sequence[str]
    items: dict[Key, Item] = field(default_factory=dict)
    listener: Listener | None = None
    """Is told of each item that is inserted, as the table's stream would."""

    def key_of(self, fields: Mapping[str, Any]) -> Key:
        return tuple(repr(fields[name]) for name in self.keys)

    def write(self, item: Item) -> None:
        key = self.key_of(item)
        is_new = key not in self.items
        self.items[key] = item
        if is_new and self.listener is not None:
            self.listener(self.name, item)


class ModelDynamoDB:
    """Answers as the client of boto3 does; what it does not know of a request it refuses loudly."""

    exceptions = EXCEPTIONS

    def __init__(self) -> None:
        self.tables: dict[str, Table] = {}

    def create(self, name: str, *keys: str, listener: Listener | None = None) -> Table:
        self.tables[name] = table = Table(name, keys, listener=listener)
        return table

    def _table(self, name: str, operation: str) -> Table:
        if name not in self.tables:
            raise refusal("ResourceNotFoundException", operation, name)
        return self.tables[name]

    # PartiQL.

    def batch_execute_statement(self, **request: Any) -> dict[str, Any]:
        statements = [parse(s["Statement"], s.get("Parameters", ())) for s in request["Statements"]]
        self._check_batch(statements)
        return {"Responses": [self._answer(statement) for statement in statements]}

    def _check_batch(self, statements: Sequence[Statement]) -> None:
        operation = "BatchExecuteStatement"
        if not 0 < len(statements) <= MAX_STATEMENTS:
            raise refusal("ValidationException", operation, f"{len(statements)} statements")
        if len({statement.kind == "SELECT" for statement in statements}) > 1:
            raise refusal("ValidationException", operation, "reads and writes in one batch")
        keys = [(s.table, self._table(s.table, operation).key_of(self._key(s))) for s in statements]
        if len(set(keys)) < len(keys):
            raise refusal("ValidationException", operation, "one item twice in one batch")

    def _key(self, statement: Statement) -> Item:
        try:
            return statement.key(self._table(statement.table, "BatchExecuteStatement").keys)
        except ValueError as error:
            raise refusal("ValidationException", "BatchExecuteStatement", str(error)) from error

    def _answer(self, statement: Statement) -> dict[str, Any]:
        table = self.tables[statement.table]
        present = table.items.get(table.key_of(self._key(statement)))
        error = self._execute(statement, table, present)
        if error is not None:
            return {"Error": {"Code": error, "Message": error}, "TableName": table.name}
        found = {"Item": dict(present)} if statement.kind == "SELECT" and present is not None else {}
        return {"TableName": table.name, **found}

    def _execute(self, statement: Statement, table: Table, present: Item | None) -> str | None:
        """The error's code, or None."""
        if statement.kind == "SELECT":
            return None
        if statement.kind == "INSERT":
            if present is not None:
                return "DuplicateItem"
            return self._write(table, dict(statement.inserted))
        if present is None:
            # DELETE of what is not there, by its key alone, succeeds; everything else is a condition.
            by_key_alone = len(statement.conditions) == len(table.keys)
            return None if statement.kind == "DELETE" and by_key_alone else "ConditionalCheckFailed"
        if not all(condition.holds(present) for condition in statement.conditions):
            return "ConditionalCheckFailed"
        if statement.kind == "DELETE":
            del table.items[table.key_of(present)]
            return None
        return self._write(table, statement.updated(present))

    def _write(self, table: Table, item: Item) -> str | None:
        if _too_large(item):
            return "ValidationError"
        table.write(item)
        return None

    # Items.

    def put_item(self, **request: Any) -> dict[str, Any]:
        self._put("PutItem", request)
        return {}

    def get_item(self, **request: Any) -> dict[str, Any]:
        table = self._table(request["TableName"], "GetItem")
        found = table.items.get(table.key_of(request["Key"]))
        return {} if found is None else {"Item": dict(found)}

    def update_item(self, **request: Any) -> dict[str, Any]:
        return {"Attributes": dict(self._update("UpdateItem", request))}

    def delete_item(self, **request: Any) -> dict[str, Any]:
        table = self._table(request["TableName"], "DeleteItem")
        key = table.key_of(request["Key"])
        self._check(request, table.items.get(key, {}), "DeleteItem")
        table.items.pop(key, None)
        return {}

    def query(self, **request: Any) -> dict[str, Any]:
        table = self._table(request["TableName"], "Query")
        names = request.get("ExpressionAttributeNames", {})
        values = request.get("ExpressionAttributeValues", {})
        condition = request["KeyConditionExpression"]
        found = [dict(item) for item in table.items.values() if holds(condition, item, names, values)]
        return {"Items": sorted(found, key=table.key_of)}

    def scan(self, **request: Any) -> dict[str, Any]:
        return {"Items": [dict(item) for item in self._table(request["TableName"], "Scan").items.values()]}

    def _put(self, operation: str, request: Mapping[str, Any]) -> None:
        table = self._table(request["TableName"], operation)
        self._check(request, table.items.get(table.key_of(request["Item"]), {}), operation)
        self._store(table, dict(request["Item"]), operation)

    def _update(self, operation: str, request: Mapping[str, Any]) -> Item:
        table = self._table(request["TableName"], operation)
        present = table.items.get(table.key_of(request["Key"]), {})
        self._check(request, present, operation)
        names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
        item = update(request["UpdateExpression"], present or dict(request["Key"]), names, values)
        self._store(table, item, operation)
        return item

    def _check(self, request: Mapping[str, Any], present: Item, operation: str) -> None:
        condition = request.get("ConditionExpression")
        names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
        if condition is not None and not holds(condition, present, names, values):
            raise refusal("ConditionalCheckFailedException", operation)

    def _store(self, table: Table, item: Item, operation: str) -> None:
        if _too_large(item):
            raise refusal("ValidationException", operation, "Item size has exceeded the maximum allowed size")
        table.write(item)

    # Transactions.

    def transact_write_items(self, **request: Any) -> dict[str, Any]:
        operation = "TransactWriteItems"
        actions = [(kind, action) for item in request["TransactItems"] for kind, action in item.items()]
        if len(actions) > MAX_TRANSACTION:
            raise refusal("ValidationException", operation, f"{len(actions)} items")
        reasons = [{"Code": self._reason(action) or "None"} for _, action in actions]
        if any(reason["Code"] != "None" for reason in reasons):
            raise refusal("TransactionCanceledException", operation, str(reasons), CancellationReasons=reasons)
        for kind, action in actions:
            self._act(kind, {k: v for k, v in action.items() if k != "ConditionExpression"})
        return {}

    def _reason(self, action: Mapping[str, Any]) -> str | None:
        table = self._table(action["TableName"], "TransactWriteItems")
        if _too_large(action.get("Item", {})):
            return "ValidationError"
        present = table.items.get(table.key_of(action.get("Key") or action["Item"]), {})
        try:
            self._check(action, present, "TransactWriteItems")
        except EXCEPTIONS.ConditionalCheckFailedException:
            return "ConditionalCheckFailed"
        return None

    def _act(self, kind: str, action: Mapping[str, Any]) -> None:
        if kind == "Put":
            self._put("TransactWriteItems", action)
        elif kind == "Update":
            self._update("TransactWriteItems", action)
        elif kind == "Delete":
            self.delete_item(**action)
        elif kind != "ConditionCheck":
            raise NotImplementedError(f"the model of DynamoDB knows no {kind} in a transaction")


def _too_large(item: Item) -> bool:
    return sum(len(name.encode()) + _bytes(value) for name, value in item.items()) > MAX_ITEM_BYTES


def _bytes(value: Any) -> int:
    [(kind, content)] = value.items()
    return len(str(content).encode()) if kind in ("S", "N") else len(orjson.dumps(content, default=str))


def pages(dynamodb: Any, operation: str) -> Callable[..., Iterator[dict[str, Any]]]:
    """The ``paginate`` of a paginator: one page, which is all there is."""

    def paginate(**request: Any) -> Iterator[dict[str, Any]]:
        yield getattr(dynamodb, operation)(**request)

    return paginate
