"""Publishes an invoice with each order's effect, and counts the invoices that come back."""

from typing import Any

from contracts.billing import InvoiceIssued
from contracts.orders import OrderPlaced
from fanout import Context, Worker
from fanout.resources import table

worker = Worker(__file__)


@worker.handles(OrderPlaced)
def issue(order: OrderPlaced, context: Context) -> None:
    invoice = InvoiceIssued(
        invoice_id=f"inv-{order.order_id}", order_id=order.order_id, customer_id=order.customer_id, total=order.total
    )
    context.publish(invoice, subject=order.customer_id)
    context.commit([_count(order.order_id)])


@worker.handles(InvoiceIssued)
def receive(invoice: InvoiceIssued, context: Context) -> None:
    context.commit([_count(invoice.invoice_id)])


def _count(effect: str) -> Any:
    return {
        "Update": {
            "TableName": table("issued"),
            "Key": {"effect": {"S": effect}},
            "UpdateExpression": "ADD times :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
    }


handler = worker.lambda_handler
