"""What is a canary, and what only looks like one."""

from typing import Any

import orjson
import pytest

from fanout import ContractError, Event, EventError
from fanout.errors import CanaryError
from fanout.events.envelope import Envelope

METADATA = {
    "event_id": "e",
    "schema_version": 1,
    "correlation_id": "c",
    "published_at": "2026-01-01T00:00:00Z",
}


def body(source: str, name: str = "B", **detail: Any) -> bytes:
    told = {"source": source, "detail-type": name, "id": "i-1", "time": "2026-11-21T00:00:00Z"}
    return orjson.dumps({**told, "detail": detail})


def put(key: str, **told: Any) -> bytes:
    """What S3 tells of an object."""
    return body("aws.s3", "Object Created", bucket={"name": "uploads"}, object={"key": key, **told})


@pytest.mark.parametrize(
    ("message", "event"),
    [
        (body("canary.shop.orders", "OrderPlaced", **{"fanout-canary": "0a1b-7"}), "shop.orders/OrderPlaced"),
        (body("canary.aws.ec2", "State", **{"fanout-canary": "0a1b-7"}), "aws.ec2/State"),
        (put("fanout-canary/0a1b-7.jpg", size=0), "aws.s3/Object Created"),
        (put("holiday/fanout-canary/0a1b-7", size=0), "aws.s3/Object Created"),
        (put("fanout-canary/0a1b-7.jpg"), "aws.s3/Object Created"),  # S3 tells no size of an object that is deleted
    ],
)
def test_a_canary_is_no_event(message: bytes, event: str) -> None:
    """GIVEN a message under a reserved source, or of an empty object in the reserved folder WHEN read THEN it is a
    canary, and says whose way it takes."""
    with pytest.raises(CanaryError) as caught:
        Envelope.decode(message)

    assert (caught.value.identity, caught.value.event) == ("0a1b-7", event)


@pytest.mark.parametrize(
    "message",
    [
        body("shop.orders", metadata=METADATA, data={"note": "fanout-canary"}, **{"fanout-canary": "0a1b-7"}),
        body("shop.canary.orders", metadata=METADATA, data={"fanout-canary": "0a1b-7"}),
        put("fanout-canary/0a1b-7.jpg", size=1),
        put("fanout-canary/holiday.jpg", size=0),
        put("not-fanout-canary/0a1b-7.jpg", size=0),
        body("aws.ec2", "State", object={"key": "fanout-canary/0a1b-7.jpg", "size": 0}),
        body("aws.s3", "Object Created", object=["fanout-canary/0a1b-7"]),
        body("aws.s3", "Object Created", object={"key": 7}),
    ],
)
def test_a_forged_mark_silences_no_event(message: bytes) -> None:
    """GIVEN an event that carries a canary's mark without being one WHEN read THEN it is an event."""
    assert Envelope.decode(message)


@pytest.mark.parametrize("identity", [None, "", "7", ["0a1b-7"], "0a1b-7 "])
def test_the_source_alone_makes_no_canary(identity: Any) -> None:
    """GIVEN the reserved source without a canary's id WHEN read THEN it is refused like what cannot be read."""
    with pytest.raises(EventError, match=r"canary\.\* is for canaries alone") as caught:
        Envelope.decode(body("canary.shop.orders", metadata=METADATA, data={}, **{"fanout-canary": identity}))

    assert not isinstance(caught.value, CanaryError)


def test_no_contract_has_a_canary_source() -> None:
    """GIVEN the reserved source WHEN a contract is declared with it THEN it is refused by name."""
    with pytest.raises(ContractError, match=r"canary\.shop\.orders: canary\.\* is for canaries alone"):
        type("Placed", (Event,), {"__doc__": "An order."}, source="canary.shop.orders")
