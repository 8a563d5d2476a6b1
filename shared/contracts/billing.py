"""The shop's invoices."""

from contracts.money import Money
from contracts.orders import Identifier
from fanout.events.event import Event

__all__ = ["InvoiceIssued"]


class InvoiceIssued(Event, source="shop.billing", version=1, owner="finance"):
    """An order has been entered in the ledger and billed to its customer."""

    invoice_id: Identifier
    order_id: Identifier
    customer_id: Identifier
    total: Money
