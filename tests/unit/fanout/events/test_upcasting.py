"""Upcasters: declared beside a contract, chained, and never a guess."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanout import ContractError, Event, EventError, upcasts
from fanout.events.upcasting import check, read, readable_versions

from ..conftest import ThingHappened

Data = dict[str, Any]


class Moved(Event, source="test.upcast", version=3):
    """Version 1 had ``km``, version 2 ``metres``, version 3 has ``distance`` in millimetres."""

    distance: int


@upcasts(Moved, from_version=1)
def in_metres(data: Data) -> Data:
    data["metres"] = data.pop("km") * 1000
    return data


@upcasts(Moved, from_version=2)
def in_millimetres(data: Data) -> Data:
    return {"distance": data["metres"] * 1000}


def gapped(*steps: int, version: int) -> type[Event]:
    """A contract of that version whose upcasters lead from those steps."""
    name = f"Gapped{version}x" + "x".join(map(str, steps))
    contract = type(name, (Event,), {"__module__": __name__}, source="test.upcast", version=version)
    for step in steps:
        upcasts(contract, from_version=step)(lambda data: data)
    return contract


# Reading.


@given(km=st.integers(0, 10**9), version=st.sampled_from([1, 2, 3]))
def test_every_version_is_read_as_the_newest(km: int, version: int) -> None:
    """GIVEN one fact as each version wrote it WHEN read THEN it is the same event."""
    written = {1: {"km": km}, 2: {"metres": km * 1000}, 3: {"distance": km * 1_000_000}}[version]

    assert read(Moved, written, version) == Moved(distance=km * 1_000_000)


def test_what_was_delivered_stays_as_it_came() -> None:
    """GIVEN an upcaster that changes what it gets WHEN an event is read THEN the delivered data are untouched."""
    delivered = {"km": 7, "by": {"way": ["air"]}}
    before = deepcopy(delivered)

    read(Moved, delivered, 1)

    assert delivered == before


def test_a_reader_still_keeps_unknown_fields_out() -> None:
    """GIVEN an unknown field in data of the newest version WHEN read THEN it is left out."""
    assert read(Moved, {"distance": 1, "colour": "red"}, 3) == Moved(distance=1)


def test_a_newer_version_says_to_deploy() -> None:
    """GIVEN a version that the contract does not know WHEN read THEN the error names it and both steps to take."""
    with pytest.raises(EventError, match=r"Moved version 3: .* version 4, .*; deploy the worker .*, then redrive"):
        read(Moved, {"distance": 1}, 4)


@pytest.mark.parametrize("version", [0, -1])
def test_no_version_says_to_fix_the_publisher(version: int) -> None:
    """GIVEN a version before the first WHEN read THEN the publisher is to blame."""
    with pytest.raises(EventError, match=rf"version {version}; versions count from 1: fix its publisher"):
        read(Moved, {"distance": 1}, version)


def test_an_older_version_without_a_chain_says_what_to_declare() -> None:
    """GIVEN upcasters from 3 on WHEN version 1 is read THEN the error names the step nearest to what can be read."""
    with pytest.raises(
        EventError,
        match=r"version 1, and no upcaster leads from version 2 to 3; declare @upcasts\(Gapped4x3, from_version=2\) "
        r"beside the contract, deploy the worker, then redrive",
    ):
        read(gapped(3, version=4), {}, 1)


def test_an_upcaster_that_fails_rejects_the_event() -> None:
    """GIVEN data that are not of their version WHEN upcast THEN the error names the upcaster, the version and why."""
    with pytest.raises(EventError, match=r"in_metres cannot upcast the data from version 1: KeyError: 'km'"):
        read(Moved, {"miles": 1}, 1)


def test_upcast_data_have_to_keep_the_contract() -> None:
    """GIVEN old data that today's contract would refuse WHEN read THEN the field is named."""
    with pytest.raises(EventError, match=r"Moved version 3: distance: "):
        read(Moved, {"metres": 0.0001}, 2)


def test_an_upcaster_has_to_answer_data() -> None:
    """GIVEN an upcaster that forgets to return WHEN an event is read THEN the error says what it must return."""

    class Forgotten(Event, source="test.upcast", version=2):
        pass

    @upcasts(Forgotten, from_version=1)
    def forget(data: Data) -> Data:
        return None  # type: ignore[return-value]

    with pytest.raises(EventError, match=r"forget answers NoneType; it must return the data of version 2, a dict"):
        read(Forgotten, {}, 1)


# Declaring.


def test_readable_versions_end_at_a_gap() -> None:
    """GIVEN chains with and without gaps WHEN asked THEN the readable versions reach back to the gap."""
    assert readable_versions(Moved) == range(1, 4)
    assert readable_versions(ThingHappened) == range(1, 2)
    assert readable_versions(gapped(1, 3, version=4)) == range(3, 5)


def test_a_gap_is_a_mistake() -> None:
    """GIVEN upcasters from 1 and 3 to version 4 WHEN checked THEN the step from 2 is missed by name."""
    check(Moved)
    with pytest.raises(
        ContractError,
        match=r"nothing leads from version 2 to 3, so version 1 cannot be read; declare "
        r"@upcasts\(Gapped5x1x3x4, from_version=2\) beside the contract",
    ):
        check(gapped(1, 3, 4, version=5))


@pytest.mark.parametrize("version", [0, -1, 3, 4, True, "1"])
def test_only_an_older_version_is_upcast(version: Any) -> None:
    """GIVEN a from_version that is not before the contract's WHEN declared THEN the error says what it may be."""
    with pytest.raises(ContractError, match="the contract is of version 3; from_version must be one before it"):
        upcasts(Moved, from_version=version)


@pytest.mark.parametrize("contract", [Event, dict, "test.upcast/Moved", None])
def test_only_a_contract_is_upcast_to(contract: Any) -> None:
    """GIVEN what is no contract WHEN an upcaster is declared for it THEN the error says what to give."""
    with pytest.raises(ContractError, match="no such contract; give the class of the newest version"):
        upcasts(contract, from_version=1)


def test_a_step_has_one_upcaster() -> None:
    """GIVEN an upcaster WHEN another takes its step THEN the error names both and the first stays; the same one may
    be declared again."""
    upcasts(Moved, from_version=1)(in_metres)
    with pytest.raises(ContractError, match=r"<lambda>: test\.upcast/Moved is upcast from version 1 by .*in_metres"):
        upcasts(Moved, from_version=1)(lambda data: data)

    assert Moved.upcasters[1] is in_metres
