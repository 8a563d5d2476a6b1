"""The contracts' schemas as files."""

import json
from pathlib import Path

import pytest

from fanout import ContractError
from fanout.events.event import Contract
from fanout_tools.contracts.snapshots import contract_in, path_of, read_all, schema, write
from scripts.bench.orders import OrderPlaced

from ...fanout.conftest import ThingFollowed, ThingHappened


def test_a_schema_names_its_event_and_its_fields() -> None:
    """GIVEN a contract WHEN its schema is made THEN it has the event's name and version, and is of what is published:
    an amount is a number there, within its bounds."""
    made = schema(OrderPlaced)

    assert made["$id"] == "sample.orders/OrderPlaced.v1"
    assert set(made["required"]) == {"order_id", "customer_id", "email", "placed_on", "lines", "total"}
    amount = made["$defs"]["Money"]["properties"]["amount"]
    assert (amount["type"], amount["minimum"], amount["maximum"]) == ("number", 0, 10_000_000)


def test_only_what_changed_is_written(tmp_path: Path) -> None:
    """GIVEN no files WHEN written THEN each contract has one; WHEN written again THEN none changes."""
    written = write([ThingHappened, ThingFollowed], tmp_path)

    assert [path.relative_to(tmp_path).as_posix() for path in written] == [
        "test.things/ThingHappened.v1.json",
        "test.things/ThingFollowed.v1.json",
    ]
    assert json.loads(written[0].read_text()) == schema(ThingHappened)
    assert write([ThingHappened, ThingFollowed], tmp_path) == []


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """GIVEN snapshots WHEN all are read THEN each schema is there by its contract."""
    write([ThingHappened, ThingFollowed], tmp_path)

    assert read_all(tmp_path) == {
        ThingHappened.contract: schema(ThingHappened),
        ThingFollowed.contract: schema(ThingFollowed),
    }


def test_a_file_is_called_after_its_contract() -> None:
    """GIVEN a contract WHEN its file's name is read THEN it is that contract; other names are of none."""
    contract = Contract("aws.s3", "Object Created", 12)

    assert contract_in(path_of(contract, Path("schemas"))) == contract
    for name in ("OrderPlaced.json", "OrderPlaced.v0.json", "OrderPlaced.v1.yaml", "OrderPlaced.v1.plain.json"):
        assert contract_in(Path("shop.orders") / name) is None


def test_what_is_no_snapshot_is_told(tmp_path: Path) -> None:
    """GIVEN files with another name or content WHEN read THEN one error names each with its fix."""
    odd, broken, listed = (tmp_path / "a.b" / name for name in ("Odd.json", "Broken.v1.json", "Listed.v1.json"))
    odd.parent.mkdir()
    odd.write_text("{}")
    broken.write_text("{")
    listed.write_text("[]")

    with pytest.raises(ContractError) as caught:
        read_all(tmp_path)

    assert str(caught.value).splitlines() == [
        f"{broken}: is no JSON object; restore it from version control",
        f"{listed}: is no JSON object; restore it from version control",
        f"{odd}: is not called <Name>.v<version>.json; rename or remove it",
    ]


def test_no_directory_is_no_snapshots(tmp_path: Path) -> None:
    """GIVEN a directory that is not there WHEN read THEN the error names it."""
    with pytest.raises(ContractError, match="nowhere: is no directory"):
        read_all(tmp_path / "nowhere")
