"""The ledger: one entry per order, and each customer's balance."""

from contracts.orders import OrderPlaced
from fanout import Reject, Retry
from fanout.aws import client
from fanout.resources import table

__all__ = ["CURRENCY", "check_currency", "enter"]

CURRENCY = "USD"


def check_currency(order: OrderPlaced) -> None:
    """:raises Reject: the order is not in the ledger's currency."""
    if order.total.currency != CURRENCY:
        raise Reject(
            f"order {order.order_id}: the ledger is kept in {CURRENCY}, the total is in {order.total.currency}"
        )


def enter(order: OrderPlaced) -> bool:
    """Enter the order, its amount on the customer's balance in the same transaction; once, however often it is tried.
    Returns whether it was not there before.

    :raises Retry: other orders were changing the same balance.
    """
    dynamodb = client("dynamodb")
    amount = {"N": str(order.total.amount)}
    pieces = {"N": str(sum(line.quantity for line in order.lines))}
    try:
        dynamodb.transact_write_items(
            TransactItems=[
                {
                    "Put": {
                        "TableName": table("ledger"),
                        "Item": {
                            "order_id": {"S": order.order_id},
                            "customer_id": {"S": order.customer_id},
                            "placed_on": {"S": order.placed_on.isoformat()},
                            "amount": amount,
                            "pieces": pieces,
                        },
                        "ConditionExpression": "attribute_not_exists(order_id)",
                    }
                },
                {
                    "Update": {
                        "TableName": table("balances"),
                        "Key": {"customer_id": {"S": order.customer_id}},
                        "UpdateExpression": "ADD amount :amount, orders :one",
                        "ExpressionAttributeValues": {":amount": amount, ":one": {"N": "1"}},
                    }
                },
            ]
        )
    except dynamodb.exceptions.TransactionCanceledException as error:
        codes = [reason.get("Code") for reason in error.response["CancellationReasons"]]
        if codes[0] != "ConditionalCheckFailed":
            raise Retry(f"order {order.order_id}: the transaction was cancelled: {codes}") from error
        return False
    return True
