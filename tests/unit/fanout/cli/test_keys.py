"""Fields of ``idempotency.key`` that no event of the worker has."""

from typing import Any

import pytest

from fanout import Event
from fanout.cli.keys import unknown_fields
from fanout.event import load_contracts
from fanout.manifest import Manifest


@pytest.fixture(scope="module")
def contracts() -> list[type[Event]]:
    return load_contracts()


def told(contracts: list[type[Event]], *key: str, event: str = "shop.orders/OrderPlaced", **more: Any) -> list[str]:
    declared = {"description": "P", "subscribes": [{"event": event}], "idempotency": {"key": list(key)}, **more}
    return list(unknown_fields(contracts, {"my-probe": Manifest.parse(declared, file="f")}))


def test_fields_of_an_event_are_known_at_every_depth(contracts: list[type[Event]]) -> None:
    """GIVEN fields of a contract and of what is in it WHEN a key names them THEN nothing is said."""
    assert told(contracts, "order_id", "total.amount") == []
    assert told(contracts, "bucket.name", "object.key", event="aws.s3/Object Created", via="bus") == []


@pytest.mark.parametrize("field", ["order", "total.sum", "order_id.digits"])
def test_a_field_that_no_event_has_is_named(contracts: list[type[Event]], field: str) -> None:
    """GIVEN a key with a field that the contract lacks WHEN checked THEN file, key and field are told."""
    (line,) = told(contracts, "order_id", field)

    assert line == (
        f"services/my_probe/worker.yaml: idempotency.key.1: {field}: no event that it subscribes to has such a field; "
        "correct the name"
    )


def test_a_worker_of_every_event_may_name_a_field_of_any(contracts: list[type[Event]]) -> None:
    """GIVEN a subscription to * WHEN a key names a field of one contract THEN it is known, and one of none is not."""
    assert told(contracts, "invoice_id", event="*", via="bus") == []
    assert len(told(contracts, "nowhere", event="*", via="bus")) == 1
