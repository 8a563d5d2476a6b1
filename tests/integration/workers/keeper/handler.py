"""Writes down what it was told by SSM and Secrets Manager, and what it may not read.

What real handlers never do: these values are made for the test.
"""

import os

from botocore.exceptions import ClientError

from contracts.orders import OrderPlaced
from fanout import Context, Worker
from fanout.aws import client
from fanout.parameters import parameter, secret
from fanout.resources import table

worker = Worker(__file__)


@worker.handles(OrderPlaced)
def keep(order: OrderPlaced, _: Context) -> None:
    told = {"greeting": parameter("greeting"), "vat": parameter("vat"), "key": secret("key"), "other": _other()}
    item = {"order_id": order.order_id, **told}
    client("dynamodb").put_item(TableName=table("kept"), Item={name: {"S": value} for name, value in item.items()})


def _other() -> str:
    """What Secrets Manager says to a name that ``worker.yaml`` does not have."""
    name = f"{os.environ['FANOUT_NAMESPACE']}/keeper/other"
    try:
        return client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
    except ClientError as error:
        return error.response["Error"]["Code"]


handler = worker.lambda_handler
