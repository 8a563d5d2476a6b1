"""The contracts' schemas as files: up to date, and every difference told with its mend."""

import json
from pathlib import Path

from contracts.orders import OrderPlaced
from fanout.event import load_contracts
from fanout.snapshots import SCHEMAS, differences, schema, write

from .conftest import ThingFollowed, ThingHappened

ROOT = Path(__file__).parents[3]


def test_the_committed_snapshots_are_the_contracts() -> None:
    """GIVEN the shop's contracts WHEN compared with their files THEN they agree."""
    assert differences(load_contracts(), ROOT / SCHEMAS) == []


def test_a_schema_names_its_event_and_its_fields() -> None:
    """GIVEN a contract WHEN its schema is made THEN it has the event's name and version, and is of what is published:
    an amount is a number there."""
    made = schema(OrderPlaced)

    assert made["$id"] == "shop.orders/OrderPlaced.v2"
    assert set(made["required"]) == {"order_id", "customer_id", "email", "placed_on", "lines", "total"}
    assert made["$defs"]["Money"]["properties"]["amount"]["type"] == "number"


def test_only_what_changed_is_written(tmp_path: Path) -> None:
    """GIVEN no files WHEN written THEN each contract has one; WHEN written again THEN none changes."""
    written = write([ThingHappened, ThingFollowed], tmp_path)

    assert [path.relative_to(tmp_path).as_posix() for path in written] == [
        "test.things/ThingHappened.v1.json",
        "test.things/ThingFollowed.v1.json",
    ]
    assert json.loads(written[0].read_text()) == schema(ThingHappened)
    assert write([ThingHappened, ThingFollowed], tmp_path) == []


def test_every_difference_has_its_mend(tmp_path: Path) -> None:
    """GIVEN a missing, a changed and an orphaned file WHEN compared THEN each is told."""
    [changed, orphan] = write([ThingHappened, ThingFollowed], tmp_path)
    changed.write_text("{}")
    missing = tmp_path / "shop.orders" / "OrderPlaced.v2.json"

    assert differences([ThingHappened, OrderPlaced], tmp_path) == [
        f"{changed}: is not what ThingHappened declares; run `fanout contract snapshot`",
        f"{missing}: is missing; run `fanout contract snapshot`",
        f"{orphan}: no contract declares it; declare it again or remove the file",
    ]
