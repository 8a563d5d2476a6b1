"""Does what an order's id tells it: succeed, fail, or take the whole process with it.

Every effect is counted, so that the tests see one that happened twice.
"""

import os

from contracts.orders import OrderPlaced
from fanout import Context, Worker
from fanout.aws import client
from fanout.resources import table

worker = Worker(__file__)


@worker.handles(OrderPlaced)
def obey(order: OrderPlaced, _: Context) -> None:
    if "poison" in order.order_id:
        raise RuntimeError(f"{order.order_id} is poison")
    if "venom" in order.order_id:
        raise LookupError(f"{order.order_id} is venom")
    if "again" in order.order_id and _first_time(order.order_id):
        raise TimeoutError(f"{order.order_id} comes again")
    if "crash" in order.order_id and _first_time(order.order_id):
        os._exit(137)
    client("dynamodb").update_item(
        TableName=table("effects"),
        Key={"order_id": {"S": order.order_id}},
        UpdateExpression="ADD effects :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )


def _first_time(order_id: str) -> bool:
    dynamodb = client("dynamodb")
    try:
        dynamodb.put_item(
            TableName=table("effects"),
            Item={"order_id": {"S": f"{order_id}#crashed"}},
            ConditionExpression="attribute_not_exists(order_id)",
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


handler = worker.lambda_handler
