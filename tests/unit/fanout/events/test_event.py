"""Contracts: declared once, strict on publish, tolerant on read."""

from typing import Any

import orjson
import pytest

from fanout import ContractError, Event, EventError
from fanout.events.event import Contract, contract_of, contracts, load_contracts
from scripts.bench.orders import OrderPlaced

from ..conftest import ThingHappened

ORDER: dict[str, Any] = {
    "order_id": "o-1",
    "customer_id": "c-1",
    "email": "ann@shop.example",
    "placed_on": "1997-01-12",
    "lines": [{"sku": "cd-1", "quantity": 2}],
    "total": {"amount": 25.99, "currency": "USD"},
}


def changed(*path: str | int, to: object) -> dict[str, Any]:
    """An order's data with one value changed."""
    order: dict[str, Any] = orjson.loads(orjson.dumps(ORDER))
    place: Any = order
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return order


# Declaring.


def test_a_contract_is_its_class_arguments() -> None:
    """GIVEN a declared event WHEN asked THEN it tells source, name, version, and whether it is AWS's own."""
    assert OrderPlaced.contract == Contract("sample.orders", "OrderPlaced", 1)
    assert OrderPlaced.contract.identifier == "sample.orders/OrderPlaced"
    assert str(OrderPlaced.contract) == "sample.orders/OrderPlaced version 1"
    assert not OrderPlaced.contract.aws_native
    assert Contract("aws.s3", "Object Created", 1).aws_native


def test_whose_a_contract_is_does_not_make_it_another() -> None:
    """GIVEN an owner WHEN compared with a contract that was read off a file's name THEN they are one."""
    assert OrderPlaced.contract.owner == "sample"
    assert OrderPlaced.contract.deprecated is None
    assert hash(OrderPlaced.contract) == hash(Contract("sample.orders", "OrderPlaced", 1))


@pytest.mark.parametrize("argument", ["owner", "deprecated"])
def test_an_empty_word_on_a_contract_is_refused(argument: str) -> None:
    """GIVEN an owner or deprecation without text WHEN declared THEN the error names the argument."""
    with pytest.raises(ContractError, match=rf"Vague: {argument}: is empty; write it or leave it out"):
        type("Vague", (Event,), {}, source="shop.test", **{argument: " "})


def test_a_contract_needs_a_source() -> None:
    """GIVEN an event without a source WHEN declared THEN the error names the class and what to write."""
    with pytest.raises(ContractError, match=r"Homeless: has no source; write class Homeless\(Event, source=\.\.\.\)"):

        class Homeless(Event):
            pass


@pytest.mark.parametrize("version", [0, -1, True, "2"])
def test_versions_count_from_1(version: Any) -> None:
    """GIVEN a version that is none WHEN declared THEN it is refused."""
    with pytest.raises(ContractError, match=r"version .*: must be a whole number, 1 or more"):

        class Unborn(Event, source="test.declared", version=version):
            pass


def test_aws_events_have_no_versions() -> None:
    """GIVEN an AWS service's event WHEN declared with a version THEN it is refused: no event would ever carry it."""
    with pytest.raises(ContractError, match="AWS's own events carry no version; leave it 1"):

        class BucketEmptied(Event, source="aws.s3", version=2):
            pass


@pytest.mark.parametrize("names", [{"source": "Test Things"}, {"source": "../x"}, {"source": "a", "name": "B/c"}])
def test_a_contract_can_be_subscribed_to(names: Any) -> None:
    """GIVEN a source or a name that no worker.yaml could say WHEN declared THEN it is refused."""
    with pytest.raises(ContractError, match="must match"):

        class Unnameable(Event, **names):
            pass


def test_one_class_per_contract() -> None:
    """GIVEN two classes of one source, name and version WHEN declared THEN the second is refused and names the first;
    another version is welcome."""

    class First(Event, source="test.declared", name="Twice"):
        pass

    with pytest.raises(ContractError, match=r"Second: test\.declared/Twice version 1 is declared by .*First too"):

        class Second(Event, source="test.declared", name="Twice"):
            pass

    class Next(Event, source="test.declared", name="Twice", version=2):
        pass

    assert contract_of("test.declared/Twice") is Next
    assert contract_of("test.declared/Twice", version=1) is First


def test_a_module_may_be_imported_again() -> None:
    """GIVEN a contract whose module is loaded anew WHEN declared again THEN that is no second declaration."""

    def declare() -> type[Event]:
        class Reloaded(Event, source="test.declared"):
            pass

        return Reloaded

    declare()
    again = declare()

    assert contract_of("test.declared/Reloaded") is again


def test_all_contracts_of_a_package(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN a package WHEN loaded THEN its contracts are there by name, and no other's."""
    package = tmp_path / "ctr_flat"
    package.mkdir()
    (package / "__init__.py").touch()
    for module, name in (("parcels", "ParcelSent"), ("bills", "BillPaid")):
        text = f"from fanout import Event\nclass {name}(Event, source='test.{module}'):\n    pass\n"
        (package / f"{module}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)

    assert [str(contract.contract) for contract in load_contracts("ctr_flat")] == [
        "test.bills/BillPaid version 1",
        "test.parcels/ParcelSent version 1",
    ]
    assert ThingHappened in contracts()


def test_a_package_within_a_package(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN contracts in a package of a package WHEN loaded THEN they are found."""
    package = tmp_path / "ctr_outer" / "inner"
    package.mkdir(parents=True)
    for file in (package.parent / "__init__.py", package / "__init__.py"):
        file.touch()
    (package / "things.py").write_text(
        "from fanout import Event\nclass Nested(Event, source='test.nested'):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    assert [contract.__name__ for contract in load_contracts("ctr_outer.inner")] == ["Nested"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            ("sample.orders/OrderPlacd", None),
            r"^sample\.orders/OrderPlacd: no such contract; did you mean sample\.orders/OrderPlaced\? there is ",
        ),
        (("sample.orders/OrderPlaced", 99), r"^sample\.orders/OrderPlaced version 99: no such contract; .*OrderPlaced"),
    ],
)
def test_an_unknown_contract_is_answered_with_the_known(asked: tuple[str, int | None], said: str) -> None:
    """GIVEN a name or a version that nobody declares WHEN asked for THEN the error names those there are."""
    with pytest.raises(ContractError, match=said):
        contract_of(*asked)


# Strict on publish, tolerant on read.


def test_good_data_pass_both_ways() -> None:
    """GIVEN data that keep the contract WHEN read strictly and tolerantly THEN it is the same event."""
    order = OrderPlaced.from_input(ORDER)

    assert order == OrderPlaced.from_data(ORDER)
    assert order.to_data() == ORDER


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (changed("colour", to="red"), "colour"),
        (changed("lines", 0, "colour", to="red"), "lines.0.colour"),
        (changed("lines", 0, "quantity", to="2"), "lines.0.quantity"),
        (changed("order_id", to=7), "order_id"),
        (changed("lines", to=[]), "lines"),
        (changed("lines", 0, "quantity", to=0), "lines.0.quantity"),
        (changed("email", to="ann"), "email"),
        (changed("placed_on", to="yesterday"), "placed_on"),
        (changed("total", "currency", to="usd"), "total.currency"),
        (changed("total", "amount", to=-0.01), "total.amount"),
        (changed("total", "amount", to=0.001), "total.amount"),
        ([], "data"),
    ],
)
def test_a_publishers_mistake_is_refused_by_field(data: object, field: str) -> None:
    """GIVEN input that breaks the contract WHEN read strictly THEN the error names contract and field."""
    with pytest.raises(EventError, match=rf"^sample\.orders/OrderPlaced version 1: {field}: "):
        OrderPlaced.from_input(data)


@pytest.mark.parametrize("value", [object(), 2**70])
def test_input_that_is_not_json_is_refused(value: object) -> None:
    """GIVEN what no JSON can say WHEN read strictly THEN it is refused."""
    with pytest.raises(EventError, match="data: not JSON values"):
        OrderPlaced.from_input({"order_id": value})


def test_a_reader_keeps_unknown_fields_out() -> None:
    """GIVEN fields of a later producer, at any depth WHEN read THEN they are left out and the rest is there."""
    assert OrderPlaced.from_data({**changed("lines", 0, "colour", to="red"), "gift": True}).to_data() == ORDER


def test_a_readers_error_names_every_field() -> None:
    """GIVEN data with two faults WHEN read THEN one error names both."""
    with pytest.raises(EventError, match=r"email: .*; lines: "):
        OrderPlaced.from_data({**ORDER, "email": "ann", "lines": []})


def test_an_event_cannot_be_changed() -> None:
    """GIVEN an event WHEN a handler assigns to it THEN that fails: another record may see the same."""
    event = ThingHappened(number=1)
    with pytest.raises(ValueError, match="frozen"):
        event.number = 2  # type: ignore[misc]
