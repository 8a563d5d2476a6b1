"""Enters orders in the ledger, keeps each customer's balance, and issues the invoices."""

from contracts.billing import InvoiceIssued
from contracts.orders import OrderPlaced
from fanout import Context, Reject, Retry, Worker
from fanout.aws import client
from fanout.resources import table

worker = Worker(__file__)

CURRENCY = "USD"


@worker.handles(OrderPlaced)
def bill(order: OrderPlaced, context: Context) -> None:
    """One ledger entry per order, its amount on the customer's balance in the same transaction."""
    if order.total.currency != CURRENCY:
        raise Reject(
            f"order {order.order_id}: the ledger is kept in {CURRENCY}, the total is in {order.total.currency}"
        )
    _enter(order)
    # Published also when an earlier try had entered the order and failed after: its event_id is the same.
    context.publish(
        InvoiceIssued(
            invoice_id=f"inv-{order.order_id}",
            order_id=order.order_id,
            customer_id=order.customer_id,
            total=order.total,
        ),
        subject=order.customer_id,
    )


def _enter(order: OrderPlaced) -> None:
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


handler = worker.lambda_handler
