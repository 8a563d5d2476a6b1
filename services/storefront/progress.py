"""What the workers have done for an order, read where they leave their effects.

There is no table of orders: an order is known by what was done for it. The audit worker, which keeps every event by the
batch, does nothing for an order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from fanout.aws import client
from fanout.errors import FanoutError
from fanout.resources import table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import KeysAndAttributesTypeDef

__all__ = ["LOYALTY_ABOVE", "Effect", "Progress", "State", "UnreadError", "read"]

LOYALTY_ABOVE = Decimal(25)
"""Dollars; as services/loyalty/worker.yaml filters, so that nobody waits for points that never come."""


class UnreadError(FanoutError):
    """DynamoDB was too busy to read all that was asked for."""


class State(StrEnum):
    """How far a worker is with an order."""

    PENDING = "pending"
    DONE = "done"
    NOT_DUE = "not due"
    """The worker takes no part in this order."""


@dataclass(frozen=True, slots=True)
class Effect:
    """One worker's part."""

    state: State
    detail: str = ""
    """For the customer."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The parts of all workers, by worker."""

    workers: Mapping[str, Effect]

    @property
    def done(self) -> bool:
        """Whether nothing is to be waited for any more."""
        return all(effect.state is not State.PENDING for effect in self.workers.values())

    @property
    def begun(self) -> bool:
        """Whether any worker has left a trace of the order."""
        return any(effect.state is State.DONE for effect in self.workers.values())

    def to_json(self) -> dict[str, Any]:
        workers = {name: {"state": e.state.value, "detail": e.detail} for name, e in self.workers.items()}
        return {"done": self.done, "workers": workers}


def read(order_id: str) -> Progress:
    """Read the workers' tables, all in one call.

    :raises UnreadError: DynamoDB was too busy for some.
    :raises botocore.exceptions.ClientError: DynamoDB refused.
    :raises botocore.exceptions.BotoCoreError: DynamoDB did not answer.
    """
    keys = {
        "ledger": ("order_id", order_id),
        "reservations": ("order_id", order_id),
        "confirmations": ("order_id", order_id),
        "awards": ("invoice_id", f"inv-{order_id}"),  # as services/billing names its invoices
    }
    found = _items({table(name): key for name, key in keys.items()})
    entry, reservation, confirmation, award = (found.get(table(name)) for name in keys)
    return Progress(
        {
            "inventory": _effect(reservation, _pieces(reservation)),
            "billing": _effect(entry, f"{Decimal(entry['amount']['N']):.2f} dollars" if entry else ""),
            "notifications": _effect(confirmation, confirmation["confirmed_at"]["S"] if confirmation else ""),
            "loyalty": _loyalty(entry, award),
        }
    )


Item = Mapping[str, Any]


def _effect(item: Item | None, detail: str) -> Effect:
    return Effect(State.DONE, detail) if item else Effect(State.PENDING)


def _pieces(reservation: Item | None) -> str:
    quantities = reservation["quantities"]["M"] if reservation else {}
    return ", ".join(f"{quantity['N']} x {sku}" for sku, quantity in sorted(quantities.items()))


def _loyalty(entry: Item | None, award: Item | None) -> Effect:
    if award is None and entry is not None and Decimal(entry["amount"]["N"]) <= LOYALTY_ABOVE:
        return Effect(State.NOT_DUE, f"points are for invoices above {LOYALTY_ABOVE} dollars")
    return _effect(award, f"{award['points']['N']} points" if award else "")


def _items(keys: Mapping[str, tuple[str, str]]) -> dict[str, Item]:
    """The item of each table that has one, by table.

    :param keys: by table, the key's attribute and value.
    """
    wanted: Mapping[str, KeysAndAttributesTypeDef] = {
        name: {"Keys": [{attribute: {"S": value}}], "ConsistentRead": True} for name, (attribute, value) in keys.items()
    }
    answer = client("dynamodb").batch_get_item(RequestItems=wanted)
    if unread := answer.get("UnprocessedKeys"):
        raise UnreadError(f"DynamoDB left {', '.join(sorted(unread))} unread; ask again")
    return {name: items[0] for name, items in answer["Responses"].items() if items}
