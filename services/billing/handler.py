"""Enters orders in the ledger, keeps each customer's balance, and issues the invoices."""

from contracts.billing import InvoiceIssued
from contracts.orders import OrderPlaced
from fanout import Context, Worker
from services.billing.charges import charge, refund
from services.billing.ledger import check_currency, enter

worker = Worker(__file__)


@worker.handles(OrderPlaced)
def bill(order: OrderPlaced, context: Context) -> None:
    """One ledger entry per order, its amount on the customer's balance in the same transaction."""
    check_currency(order)
    if enter(order):
        worker.metrics.count("OrdersBilled")
        worker.metrics.add("AmountBilled", float(order.total.amount))
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


worker.step("charge")(charge)
worker.step("refund")(refund)

handler = worker.lambda_handler
