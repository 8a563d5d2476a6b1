"""Stock held for one line of an order, step by step of a workflow: reserved, picked, or released.

A line's hold is an item of the reservations, ``<order>/<line>``. Whatever comes twice or late changes nothing: a hold
that was released, even before it was made, is never made again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fanout import Reject, Retry
from fanout.aws import client
from fanout.resources import table

__all__ = ["pick_line", "release_line", "reserve_line"]


def reserve_line(payload: Mapping[str, Any]) -> None:
    """Take the line's quantity from the stock.

    :raises Reject: there is not so much of it, or the line was released.
    :raises Retry: other orders were taking from the same stock.
    """
    key, sku, quantity = _key(payload), payload["line"]["sku"], int(payload["line"]["quantity"])
    hold = {**key, "sku": {"S": sku}, "held": {"N": str(quantity)}}
    put = {
        "TableName": table("reservations"),
        "Item": hold,
        "ConditionExpression": "attribute_not_exists(order_id)",
    }
    taken = _transact({"Put": put}, {"Update": _stock(sku, -quantity)})
    if taken is None:
        return
    held, stock = taken
    if held == "ConditionalCheckFailed":
        _refuse_released(key)
    elif stock == "ConditionalCheckFailed":
        raise Reject(f"{key['order_id']['S']}: not in stock: {quantity} of {sku}")
    else:
        raise Retry(f"{key['order_id']['S']}: the transaction was cancelled: {taken}")


def pick_line(payload: Mapping[str, Any]) -> None:
    """Tell the warehouse: what is held is to be sent.

    :raises Reject: nothing is held for the line.
    """
    dynamodb = client("dynamodb")
    try:
        dynamodb.update_item(
            TableName=table("reservations"),
            Key=_key(payload),
            UpdateExpression="SET picked = :yes",
            ConditionExpression="attribute_exists(held)",
            ExpressionAttributeValues={":yes": {"BOOL": True}},
        )
    except dynamodb.exceptions.ConditionalCheckFailedException as error:
        raise Reject(f"{_key(payload)['order_id']['S']}: nothing is held for it") from error


def release_line(payload: Mapping[str, Any]) -> None:
    """Put what is held for the line back, if anything is, and let nothing be held for it any more.

    :raises Retry: another step of the line came between.
    """
    key = _key(payload)
    hold = client("dynamodb").get_item(TableName=table("reservations"), Key=key, ConsistentRead=True).get("Item")
    if hold is None:
        never = {**key, "released": {"BOOL": True}}
        condition = "attribute_not_exists(order_id)"
        done = _transact({"Put": {"TableName": table("reservations"), "Item": never, "ConditionExpression": condition}})
    elif "held" in hold:
        back = {
            "TableName": table("reservations"),
            "Key": key,
            "UpdateExpression": "SET released = :yes REMOVE held, picked",
            "ConditionExpression": "attribute_exists(held)",
            "ExpressionAttributeValues": {":yes": {"BOOL": True}},
        }
        done = _transact({"Update": back}, {"Update": _stock(hold["sku"]["S"], int(hold["held"]["N"]))})
    else:
        return
    if done is not None:
        raise Retry(f"{key['order_id']['S']}: the transaction was cancelled: {done}")


def _key(payload: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    return {"order_id": {"S": f"{payload['order_id']}/{payload['index']}"}}


def _stock(sku: str, change: int) -> dict[str, Any]:
    """Puts so many back into the stock or, where negative, takes them while they are there."""
    update: dict[str, Any] = {
        "TableName": table("stock"),
        "Key": {"sku": {"S": sku}},
        "UpdateExpression": "ADD available :n",
        "ExpressionAttributeValues": {":n": {"N": str(change)}},
    }
    if change < 0:
        update["ConditionExpression"] = "available >= :least"
        update["ExpressionAttributeValues"][":least"] = {"N": str(-change)}
    return update


def _transact(*actions: Any) -> list[str | None] | None:
    """None when all is done; else each action's code of why nothing was."""
    dynamodb = client("dynamodb")
    try:
        dynamodb.transact_write_items(TransactItems=list(actions))
    except dynamodb.exceptions.TransactionCanceledException as error:
        return [reason.get("Code") for reason in error.response["CancellationReasons"]]
    return None


def _refuse_released(key: dict[str, dict[str, str]]) -> None:
    hold = client("dynamodb").get_item(TableName=table("reservations"), Key=key, ConsistentRead=True).get("Item")
    if hold is not None and "released" in hold:
        raise Reject(f"{key['order_id']['S']}: was released, and is not held again")
