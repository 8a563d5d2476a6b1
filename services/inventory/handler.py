"""Reserves stock: an order gets all of its lines, or none and is rejected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from contracts.orders import OrderPlaced
from fanout import Context, Reject, Retry, Worker
from fanout.aws import client
from fanout.resources import table
from services.inventory.holds import pick_line, release_line, reserve_line

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

worker = Worker(__file__)

MAX_LINES = 99
"""Of TransactWriteItems' 100 actions one is the reservation."""


@worker.handles(OrderPlaced)
def reserve(order: OrderPlaced, _: Context) -> None:
    """Take the order's quantities from the stock and note the reservation, in one transaction.

    The reservation's key makes it happen once, however often it is tried.
    """
    quantities = Counter[str]()
    for line in order.lines:
        quantities[line.sku] += line.quantity
    if len(quantities) > MAX_LINES:
        raise Reject(f"order {order.order_id}: {len(quantities)} articles; at most {MAX_LINES} fit a transaction")
    dynamodb = client("dynamodb")
    try:
        dynamodb.transact_write_items(
            TransactItems=[
                _put_reservation(order, quantities),
                *(_take_from_stock(sku, n) for sku, n in quantities.items()),
            ]
        )
    except dynamodb.exceptions.TransactionCanceledException as error:
        _explain(order, list(quantities), [r.get("Code") for r in error.response["CancellationReasons"]])


def _put_reservation(order: OrderPlaced, quantities: Mapping[str, int]) -> TransactWriteItemTypeDef:
    return {
        "Put": {
            "TableName": table("reservations"),
            "Item": {
                "order_id": {"S": order.order_id},
                "quantities": {"M": {sku: {"N": str(n)} for sku, n in quantities.items()}},
            },
            "ConditionExpression": "attribute_not_exists(order_id)",
        }
    }


def _take_from_stock(sku: str, quantity: int) -> TransactWriteItemTypeDef:
    return {
        "Update": {
            "TableName": table("stock"),
            "Key": {"sku": {"S": sku}},
            "UpdateExpression": "SET available = available - :n",
            "ConditionExpression": "available >= :n",
            "ExpressionAttributeValues": {":n": {"N": str(quantity)}},
        }
    }


def _explain(order: OrderPlaced, skus: list[str], codes: list[str | None]) -> None:
    """Return if the order has its reservation already.

    :raises Reject: an article is not there in that quantity.
    :raises Retry: other orders were taking from the same stock.
    """
    reservation, *articles = codes
    if reservation == "ConditionalCheckFailed":
        return
    short = [sku for sku, code in zip(skus, articles, strict=True) if code == "ConditionalCheckFailed"]
    if short:
        raise Reject(f"order {order.order_id}: not in stock: {', '.join(short)}")
    raise Retry(f"order {order.order_id}: the transaction was cancelled: {codes}")


worker.step("reserve")(reserve_line)
worker.step("pick")(pick_line)
worker.step("release")(release_line)

handler = worker.lambda_handler
