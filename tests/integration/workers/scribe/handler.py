"""Writes an effect and the event of it in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contracts.billing import InvoiceIssued
from contracts.orders import OrderPlaced
from fanout import Context, Worker, outbox
from fanout.resources import table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import PutTypeDef

worker = Worker(__file__)


@worker.handles(OrderPlaced)
def write(order: OrderPlaced, context: Context) -> None:
    invoice = InvoiceIssued(
        invoice_id=f"inv-{order.order_id}", order_id=order.order_id, customer_id=order.customer_id, total=order.total
    )
    effect: PutTypeDef = {"TableName": table("scribed"), "Item": {"order_id": {"S": order.order_id}}}
    context.commit([{"Put": effect}, outbox.put(context.wrap(invoice, subject=order.customer_id))])


handler = worker.lambda_handler
