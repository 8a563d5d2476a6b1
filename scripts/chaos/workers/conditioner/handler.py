"""Counts each order's effect by a conditional write, in mode off."""

from contracts.orders import OrderPlaced
from fanout import Context, Retry, Worker
from fanout.aws import client
from fanout.resources import table

worker = Worker(__file__)


@worker.handles(OrderPlaced)
def write(order: OrderPlaced, _: Context) -> None:
    """The mark is what the condition is on; the count is what a second effect would show in."""
    dynamodb = client("dynamodb")
    try:
        dynamodb.transact_write_items(
            TransactItems=[
                {
                    "Put": {
                        "TableName": table("conditioned"),
                        "Item": {"effect": {"S": f"{order.order_id}#mark"}},
                        "ConditionExpression": "attribute_not_exists(effect)",
                    }
                },
                {
                    "Update": {
                        "TableName": table("conditioned"),
                        "Key": {"effect": {"S": order.order_id}},
                        "UpdateExpression": "ADD times :one",
                        "ExpressionAttributeValues": {":one": {"N": "1"}},
                    }
                },
            ]
        )
    except dynamodb.exceptions.TransactionCanceledException as error:
        codes = [reason.get("Code") for reason in error.response["CancellationReasons"]]
        if codes[0] != "ConditionalCheckFailed":
            raise Retry(f"order {order.order_id}: the transaction was cancelled: {codes}") from error


handler = worker.lambda_handler
