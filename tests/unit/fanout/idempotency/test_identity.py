"""Which event it is for a worker: one key per event, and no event with another's key."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fanout import Envelope, EventError
from fanout.idempotency.identity import derived_id, event_key, key_values
from fanout.publish import wrap

from ..conftest import ThingHappened

text = st.text(alphabet="a#%2350id", min_size=1, max_size=6)
"""Of what keys are made of, and of what escapes them."""


def event(
    event_id: str = "e", *, source: str = "test.things", name: str = "ThingHappened", data: Any = None
) -> Envelope:
    metadata = wrap(ThingHappened(number=1), event_id=event_id).metadata
    return Envelope(source=source, name=name, metadata=metadata, data=data or {})


def test_the_key_names_worker_source_name_and_id() -> None:
    """GIVEN an event WHEN its key is made THEN its parts can be read from it, by an operator for instance."""
    assert event_key("probe", event("4711")) == "probe#test.things#ThingHappened#id#4711"


@given(
    first=st.tuples(text, text, text),
    second=st.tuples(text, text, text),
    keyed=st.booleans(),
)
def test_no_event_has_anothers_key(first: tuple[str, str, str], second: tuple[str, str, str], keyed: bool) -> None:
    """GIVEN sources, names and ids with the keys' own separators and escapes WHEN two events differ in any of them
    THEN their keys differ, one being told by its data or not."""
    source, name, event_id = first
    other_source, other_name, other_id = second
    mine = event_key("w", event(event_id, source=source, name=name))
    data, paths = ({"k": other_id}, [("k",)]) if keyed else (None, [])
    other = event_key("w", event(other_id, source=other_source, name=other_name, data=data), paths)

    assert (mine == other) == (first == second and not keyed)


def test_the_fields_of_the_data_tell_events_in_place_of_their_ids() -> None:
    """GIVEN key fields WHEN two events have the same THEN their key is one, whatever their ids and other data; WHEN a
    value, or its type, is another THEN not."""
    paths = [("bucket", "name"), ("key",)]

    def key(event_id: str, **data: Any) -> str:
        return event_key("w", event(event_id, data=data), paths)

    assert key("1", bucket={"name": "b"}, key="k") == key("2", bucket={"name": "b", "owner": "o"}, key="k", size=3)
    assert key("1", bucket={"name": "b"}, key="k") != key("1", bucket={"name": "b"}, key="l")
    assert key("1", bucket={"name": 1}, key="k") != key("1", bucket={"name": "1"}, key="k")
    assert key("1", bucket={"name": "k"}, key="b") != key("1", bucket={"name": "b"}, key="k")


def test_an_event_with_none_of_the_fields_is_told_by_its_id() -> None:
    """GIVEN key fields WHEN an event has none of them THEN its key is that of its id; a field that is null is there."""
    paths = [("a", "b"), ("c",)]
    assert event_key("w", event("1", data={"a": 1, "d": 2}), paths) == event_key("w", event("1"))
    assert key_values({"a": {"b": None}, "c": None}, paths) == [None, None]


def test_an_event_with_some_of_the_fields_is_refused_with_the_missing_one() -> None:
    """GIVEN key fields WHEN an event has some of them only THEN the error names the first that is missing."""
    with pytest.raises(EventError, match=r"detail\.data\.a\.b: missing; idempotency\.key"):
        event_key("w", event(data={"a": "text", "c": 1}), [("a", "b"), ("c",)])


def test_a_field_too_deep_to_be_written_is_refused() -> None:
    """GIVEN a key field whose value nests deeper than JSON is written WHEN its key is made THEN that is the event's
    error, so that it harms no other of its batch."""
    deep: Any = []
    for _ in range(300):
        deep = [deep]

    with pytest.raises(EventError, match=r"detail\.data: "):
        event_key("w", event(data={"k": deep}), [("k",)])


def test_what_an_event_causes_has_ids_of_its_own() -> None:
    """GIVEN an event WHEN ids are derived THEN each is the same again, and another for another thing or event."""
    key, other = event_key("w", event("1")), event_key("w", event("2"))

    assert derived_id(key, "0") == derived_id(key, "0")
    assert len({derived_id(key, "0"), derived_id(key, "1"), derived_id(other, "0")}) == 3


@example(first=("a", "b#0"), second=("a#b", "0"))
@given(first=st.tuples(text, text), second=st.tuples(text, text))
def test_no_derived_id_is_anothers(first: tuple[str, str], second: tuple[str, str]) -> None:
    """GIVEN ids and things with the separator in them WHEN two differ in either THEN so do the ids derived of them."""
    mine, other = [derived_id(event_key("w", event(event_id)), what) for event_id, what in (first, second)]

    assert (mine == other) == (first == second)
