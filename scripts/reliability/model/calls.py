"""What each AWS call of the core is for, found in the request: the rows of the fault matrix."""

from __future__ import annotations

from typing import Any

__all__ = ["name_of"]


def name_of(operation: str, request: Any) -> str:
    """The call's name: ``lock``, ``complete``, ``commit`` ..."""
    match operation:
        case "batch_execute_statement":
            return _statement(request["Statements"][0])
        case "transact_write_items":
            return _transaction(request["TransactItems"])
        case "send_message_batch":
            return "dead-letter" if "dlq" in request["QueueUrl"] else "send"
        case "send_message":
            return _message(request)
        case "put_item":
            return f"gather: keep {request['Item']['item']['S'].partition('#')[0]}"
        case "update_item":
            return "gather: close" if "closed_by = " in _plain(request["UpdateExpression"]) else "gather: count"
        case "get_item":
            return f"gather: read {request['Key']['item']['S'].partition('#')[0]}"
        case "query":
            return "gather: read parts"
    return _OTHERS.get(operation, operation)


_OTHERS = {
    "change_message_visibility_batch": "back off",
    "delete_message_batch": "delete",
    "put_events": "publish",
    "put_object": "payload put",
    "get_object": "payload get",
    "head_object": "payload head",
    "get_parameters": "parameters",
    "get_secret_value": "secret",
}


def _statement(statement: Any) -> str:
    text, values = statement["Statement"], statement.get("Parameters", ())
    if text.startswith("INSERT"):
        return "batch mark" if values[0]["S"].startswith("#batch#") else "lock"
    if text.startswith("SELECT"):
        return "read mark" if values[0]["S"].startswith("#batch#") else "read"
    if 'REMOVE "pending"' in text:
        return "forget pending"
    if '"relayed_at"' in text:
        return "outbox: mark relayed"
    if '"refused"' in text:
        return "outbox: mark refused"
    if 'SET "owner"' in text:
        return "take over"
    released = text.startswith("DELETE") or values[0] == {"S": "RELEASED"}
    return "release" if released else "complete"


def _transaction(items: Any) -> str:
    last = next(iter(items[-1].values()))
    if "idempotency" in last["TableName"]:
        return "commit"
    return "handler's own write"


def _message(request: Any) -> str:
    body = request["MessageBody"]
    if "PartReported" in body:
        return "gather: report part"
    if "PartWasLate" in body:
        return "gather: undo late part"
    return "gather: set timer" if request.get("DelaySeconds") else "gather: wake"


def _plain(expression: str) -> str:
    return expression.replace("#", "").replace(" =", " =")
