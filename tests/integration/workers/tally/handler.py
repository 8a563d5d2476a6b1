"""Scatters an order into an invoice per piece. The second is not done before the deadline; what was done is undone."""

from datetime import timedelta

from contracts.billing import InvoiceIssued
from contracts.money import Money
from contracts.orders import OrderPlaced
from fanout import AggregateResult, Context, Part, Retry, Worker

worker = Worker(__file__)

DEADLINE = timedelta(seconds=8)
LATE_S = 14


@worker.handles(OrderPlaced)
def split(order: OrderPlaced, context: Context) -> None:
    parts = (_invoice(order, f"part-{n}", "tally") for n in range(order.lines[0].quantity))
    context.scatter(parts, into=InvoiceIssued, deadline=DEADLINE)


@worker.handles_part(InvoiceIssued)
def issue(invoice: InvoiceIssued, context: Context) -> str:
    if invoice.invoice_id.startswith("part-1") and context.receive_count == 1:
        raise Retry("not before the deadline", after=LATE_S)
    return invoice.invoice_id


def undo(order: OrderPlaced, part: Part) -> InvoiceIssued:
    return _invoice(order, f"undo-{part.index}", "undone")


@worker.gathers(InvoiceIssued, on_failure=undo)
def total(order: OrderPlaced, gathered: AggregateResult) -> InvoiceIssued:
    succeeded = "-".join(str(part.index) for part in gathered.succeeded)
    missing = "-".join(map(str, gathered.missing))
    return _invoice(order, f"gathered-{succeeded}-missing-{missing}", "gathered")


def _invoice(order: OrderPlaced, what: str, customer: str) -> InvoiceIssued:
    return InvoiceIssued(
        invoice_id=what, order_id=order.order_id, customer_id=customer, total=Money(amount=1, currency="USD")
    )


handler = worker.lambda_handler
