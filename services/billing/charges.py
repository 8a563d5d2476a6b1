"""Charging an order, and taking the charge back: two steps of a workflow.

An order that was refunded, even before it was charged, is never charged again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contracts.orders import OrderPlaced
from fanout import Reject, Retry
from fanout.aws import client
from fanout.resources import table
from services.billing.ledger import check_currency, enter

__all__ = ["charge", "refund"]


def charge(payload: Mapping[str, Any]) -> None:
    """Enter the order in the ledger, and its amount on the customer's balance.

    :raises Reject: its currency is not the ledger's, or it was refunded.
    :raises Retry: other orders were changing the same balance.
    """
    order = OrderPlaced.from_data(payload["order"])
    check_currency(order)
    enter(order)
    entry = _entry(order.order_id)
    if entry is None or "refunded" in entry:
        raise Reject(f"order {order.order_id}: was refunded, and is not charged again")


def refund(payload: Mapping[str, Any]) -> None:
    """Take the order's amount off the customer's balance, if it was charged, and let it be charged no more.

    :raises Retry: another step of the order came between.
    """
    order_id = str(payload["order"]["order_id"])
    entry = _entry(order_id)
    if entry is not None and "refunded" in entry:
        return
    actions = _undo(order_id, entry) if entry else [_never(order_id)]
    dynamodb = client("dynamodb")
    try:
        dynamodb.transact_write_items(TransactItems=actions)
    except dynamodb.exceptions.TransactionCanceledException as error:
        codes = [reason.get("Code") for reason in error.response["CancellationReasons"]]
        raise Retry(f"order {order_id}: the transaction was cancelled: {codes}") from error


def _entry(order_id: str) -> Mapping[str, Any] | None:
    key = {"order_id": {"S": order_id}}
    return client("dynamodb").get_item(TableName=table("ledger"), Key=key, ConsistentRead=True).get("Item")


def _undo(order_id: str, entry: Mapping[str, Any]) -> list[Any]:
    marked = {
        "TableName": table("ledger"),
        "Key": {"order_id": {"S": order_id}},
        "UpdateExpression": "SET refunded = :yes",
        "ConditionExpression": "attribute_not_exists(refunded)",
        "ExpressionAttributeValues": {":yes": {"BOOL": True}},
    }
    amount = entry["amount"]["N"]
    taken_off = {
        "TableName": table("balances"),
        "Key": {"customer_id": entry["customer_id"]},
        "UpdateExpression": "ADD amount :amount, orders :one",
        "ExpressionAttributeValues": {":amount": {"N": f"-{amount}"}, ":one": {"N": "-1"}},
    }
    return [{"Update": marked}, {"Update": taken_off}]


def _never(order_id: str) -> Any:
    item = {"order_id": {"S": order_id}, "refunded": {"BOOL": True}}
    condition = "attribute_not_exists(order_id)"
    return {"Put": {"TableName": table("ledger"), "Item": item, "ConditionExpression": condition}}
