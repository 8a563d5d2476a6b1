"""Confirms orders by e-mail, and keeps note of those it has confirmed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from contracts.orders import OrderPlaced
from fanout import Context, Worker
from fanout.resources import table
from services.notifications.mail import send, send_once

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

worker = Worker(__file__)


@worker.handles(OrderPlaced)
def confirm(order: OrderPlaced, context: Context) -> None:
    """One e-mail per order. SES cannot take part in a transaction: only a crash between its answer and the record of it
    sends a second one. The event's completion is one with the note that the shop reads."""
    send_once(order, f"Your order {order.order_id}", _text(order), context)
    context.commit([{"Put": {"TableName": table("confirmations"), "Item": _confirmation(order)}}])


@worker.step("confirm")
def confirm_fulfilment(payload: Mapping[str, Any]) -> None:
    """A step of a workflow: at least one e-mail."""
    order = OrderPlaced.from_data(payload["order"])
    send(_mail(order, f"Your order {order.order_id} is on its way", _text(order)))


@worker.step("regret")
def regret(payload: Mapping[str, Any]) -> None:
    """A step of a workflow: at least one e-mail."""
    order = OrderPlaced.from_data(payload["order"])
    text = f"We are sorry: we cannot fulfil your order of {order.placed_on:%d %B %Y}. You are not charged for it.\n"
    send(_mail(order, f"Your order {order.order_id} cannot be fulfilled", text))


def _mail(order: OrderPlaced, subject: str, text: str) -> dict[str, str]:
    return {"order_id": order.order_id, "to": order.email, "subject": subject, "text": text, "tag": order.order_id}


def _confirmation(order: OrderPlaced) -> dict[str, AttributeValueTypeDef]:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return {"order_id": {"S": order.order_id}, "confirmed_at": {"S": now}}


def _text(order: OrderPlaced) -> str:
    lines = "\n".join(f"  {line.quantity} x {line.sku}" for line in order.lines)
    return (
        f"Thank you for your order of {order.placed_on:%d %B %Y}:\n\n{lines}\n\n"
        f"Total: {order.total.amount:.2f} {order.total.currency}\n"
    )


handler = worker.lambda_handler
