"""Confirms orders by e-mail, and keeps note of those it has confirmed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from contracts.orders import OrderPlaced
from fanout import Context, Worker
from fanout.aws import client
from fanout.resources import table
from fanout.steps import steps

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

worker = Worker(__file__)

SENDER = "orders@shop.example"


@worker.handles(OrderPlaced)
def confirm(order: OrderPlaced, context: Context) -> None:
    """One e-mail per order. SES cannot take part in a transaction: the worker's strict idempotency keeps it to one,
    but for a crash between SES's answer and its record. That record is one with the note that the shop reads."""
    _send(order, f"Your order {order.order_id}", _text(order), tag=context.event_id)
    context.commit([{"Put": {"TableName": table("confirmations"), "Item": _confirmation(order)}}])


def confirm_fulfilment(payload: Mapping[str, Any]) -> None:
    """A step of a workflow: at least one e-mail."""
    order = OrderPlaced.model_validate(payload["order"])
    _send(order, f"Your order {order.order_id} is on its way", _text(order), tag=order.order_id)


def regret(payload: Mapping[str, Any]) -> None:
    """A step of a workflow: at least one e-mail."""
    order = OrderPlaced.model_validate(payload["order"])
    text = f"We are sorry: we cannot fulfil your order of {order.placed_on:%d %B %Y}. You are not charged for it.\n"
    _send(order, f"Your order {order.order_id} cannot be fulfilled", text, tag=order.order_id)


def _send(order: OrderPlaced, subject: str, text: str, *, tag: str) -> None:
    client("ses").send_email(
        Source=SENDER,
        Destination={"ToAddresses": [order.email]},
        Message={"Subject": {"Data": subject}, "Body": {"Text": {"Data": text}}},
        Tags=[{"Name": "event_id", "Value": _tag(tag)}],
    )


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


worker.invoked(steps(confirm=confirm_fulfilment, regret=regret))

handler = worker.lambda_handler
