"""Confirms orders by e-mail, and keeps note of those it has confirmed."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from contracts.orders import OrderPlaced
from fanout import Context, Worker
from fanout.aws import client
from fanout.resources import table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

worker = Worker(__file__)

SENDER = "orders@shop.example"


@worker.handles(OrderPlaced)
def confirm(order: OrderPlaced, context: Context) -> None:
    """One e-mail per order. SES cannot take part in a transaction: the worker's strict idempotency keeps it to one,
    but for a crash between SES's answer and its record. That record is one with the note that the shop reads."""
    client("ses").send_email(
        Source=SENDER,
        Destination={"ToAddresses": [order.email]},
        Message={
            "Subject": {"Data": f"Your order {order.order_id}"},
            "Body": {"Text": {"Data": _text(order)}},
        },
        Tags=[{"Name": "event_id", "Value": _tag(context.event_id)}],
    )
    context.commit([{"Put": {"TableName": table("confirmations"), "Item": _confirmation(order)}}])


def _confirmation(order: OrderPlaced) -> dict[str, AttributeValueTypeDef]:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return {"order_id": {"S": order.order_id}, "confirmed_at": {"S": now}}


def _tag(event_id: str) -> str:
    """Within what SES takes for a tag (https://docs.aws.amazon.com/ses/latest/APIReference/API_MessageTag.html)."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", event_id)[:255]


def _text(order: OrderPlaced) -> str:
    lines = "\n".join(f"  {line.quantity} x {line.sku}" for line in order.lines)
    return (
        f"Thank you for your order of {order.placed_on:%d %B %Y}:\n\n{lines}\n\n"
        f"Total: {order.total.amount:.2f} {order.total.currency}\n"
    )


handler = worker.lambda_handler
