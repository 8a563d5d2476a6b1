"""Counts each order's effect by commit, in strict mode."""

from contracts.orders import OrderPlaced
from fanout import Context, Worker
from fanout.resources import table

worker = Worker(__file__)


@worker.handles(OrderPlaced)
def commit(order: OrderPlaced, context: Context) -> None:
    context.commit(
        [
            {
                "Update": {
                    "TableName": table("committed"),
                    "Key": {"effect": {"S": order.order_id}},
                    "UpdateExpression": "ADD times :one",
                    "ExpressionAttributeValues": {":one": {"N": "1"}},
                }
            }
        ]
    )


handler = worker.lambda_handler
