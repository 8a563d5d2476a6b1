"""What travels on the bus: written and read back the same, and refused by the name of the field."""

from datetime import datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanout import Envelope, EventError
from fanout.events.envelope import LONGEST, LONGEST_OF_TRACE, MAX_DATA_BYTES, MAX_EVENT_ID, Metadata

characters = st.characters(exclude_categories=["Cs"])
texts = st.text(characters)
ids = st.text(characters, min_size=1, max_size=MAX_EVENT_ID)
times = st.datetimes(datetime(1970, 1, 1), datetime(9998, 12, 31)).map(datetime.isoformat)  # noqa: DTZ001
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)
metadata = st.builds(
    Metadata,
    event_id=ids,
    schema_version=st.integers(1, 1_000),
    correlation_id=ids,
    published_at=times,
    expires_at=st.none() | times,
    causation_id=st.none() | ids,
    subject=st.none() | st.text(characters, max_size=LONGEST["subject"]),
    **{name: st.none() | st.text(characters, max_size=most) for name, most in LONGEST_OF_TRACE.items()},
)
envelopes = st.builds(
    Envelope,
    source=st.text("abc.", min_size=1).filter(lambda source: not source.startswith("aws.")),
    name=texts,
    metadata=metadata,
    data=st.dictionaries(texts, json_values, max_size=4),
)

LEAST = {"event_id": "e", "schema_version": 1, "correlation_id": "c", "published_at": "2026-01-01T00:00:00.000Z"}


def body(**changes: Any) -> bytes:
    """A message whose EventBridge event has these fields changed; None takes one away."""
    event = {"source": "a", "detail-type": "B", "detail": {"metadata": LEAST, "data": {"x": 1}}, **changes}
    return orjson.dumps({name: value for name, value in event.items() if value is not None})


@given(envelopes)
def test_what_is_published_is_what_is_read(envelope: Envelope) -> None:
    """GIVEN any event WHEN EventBridge delivers its detail THEN the same event is read."""
    delivered = {"source": envelope.source, "detail-type": envelope.name, "detail": orjson.loads(envelope.detail())}

    assert Envelope.decode(orjson.dumps(delivered)) == envelope


@given(metadata)
def test_what_is_not_set_is_not_written(fields: Metadata) -> None:
    """GIVEN metadata with some fields set WHEN written THEN only those are there, and they read back the same."""
    written = fields.to_json()

    assert None not in written.values()
    assert Metadata.from_json(written) == fields


def test_text_and_bytes_read_alike() -> None:
    """GIVEN the same message as text and as bytes WHEN read THEN it is the same event."""
    assert Envelope.decode(body()) == Envelope.decode(body().decode())
    assert Envelope.decode(body()).identifier == "a/B"


def test_unknown_metadata_is_left_out() -> None:
    """GIVEN a field that a later fanout writes WHEN read THEN the rest is there."""
    assert Metadata.from_json({**LEAST, "colour": "red"}) == Metadata.from_json(LEAST)


def test_the_time_and_account_of_eventbridge_do_not_matter() -> None:
    """GIVEN EventBridge's own fields WHEN read THEN the event's id is fanout's, not EventBridge's."""
    assert Envelope.decode(body(id="theirs", time="t", account="1")).metadata.event_id == "e"


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (b"not JSON", "the body is not JSON"),
        (b'"text"', "the body is not a JSON object"),
        (b'{"a": NaN}', "the body is not JSON"),
        ("\ud800", "the body is not JSON"),
        (body(source=None), "source, detail-type or detail is missing"),
        (body(source=1), "source, detail-type or detail is missing"),
        (body(**{"detail-type": None}), "source, detail-type or detail is missing"),
        (body(detail=None), "source, detail-type or detail is missing"),
        (body(detail="text"), "source, detail-type or detail is missing"),
        (body(detail={"metadata": LEAST}), "detail.data: must be a mapping"),
        (body(detail={"metadata": LEAST, "data": [1]}), "detail.data: must be a mapping"),
        (body(detail={"data": {}}), "detail.metadata: must be a mapping"),
        (body(detail={"data": {}, "metadata": []}), "detail.metadata: must be a mapping"),
        (body(source="aws.s3"), "id is missing"),
        (body(source="aws.s3", id=7), "id is missing"),
        (body(source="aws.s3", id=""), "id: 0 characters; must have 1 to 256"),
        (body(source="aws.s3", id="x" * 260_000), "id: 260,000 characters; must have 1 to 256"),
        (body(source="aws.s3", id="1", time={"year": 1}), "time: .* must be an ISO 8601 time"),
        (body(source="aws.s3", id="1", time="0001-01-01T00:00Z"), "time: .* must be an ISO 8601 time"),
        (body(source="aws.s3", id="1", time="2026" + "0" * 70_000), "time: .* must be an ISO 8601 time"),
        (body(source="s" * 257), "source has 257, detail-type .* characters: too many"),
        (body(**{"detail-type": "d" * 129}), "detail-type 129 characters: too many"),
    ],
)
def test_a_body_that_is_no_event_is_refused(message: str | bytes, said: str) -> None:
    """GIVEN a message of another form WHEN read THEN the error says what is missing."""
    with pytest.raises(EventError, match=said):
        Envelope.decode(message)


@pytest.mark.parametrize("field", LEAST)
def test_required_metadata_is_named(field: str) -> None:
    """GIVEN metadata without a required field WHEN read THEN the error names it."""
    with pytest.raises(EventError, match=rf"detail\.metadata.*{field}"):
        Metadata.from_json({name: value for name, value in LEAST.items() if name != field})


@pytest.mark.parametrize("field", [*Metadata.__slots__])
def test_metadata_of_another_type_is_named(field: str) -> None:
    """GIVEN a field of the wrong type WHEN read THEN the error names it."""
    with pytest.raises(EventError, match=rf"detail\.metadata\.{field}: \['x'\]"):
        Metadata.from_json({**LEAST, field: ["x"]})


@pytest.mark.parametrize("version", [True, "1", 1.0])
def test_a_version_is_a_whole_number(version: object) -> None:
    """GIVEN a version that only resembles a number WHEN read THEN it is refused."""
    with pytest.raises(EventError, match="schema_version"):
        Metadata.from_json({**LEAST, "schema_version": version})


@pytest.mark.parametrize("field", ["event_id", "correlation_id"])
def test_an_id_must_serve_as_a_key(field: str) -> None:
    """GIVEN an id that would be every event's WHEN read THEN it is refused."""
    with pytest.raises(EventError, match=rf"detail\.metadata\.{field}: must have 1 to 256 characters"):
        Metadata.from_json({**LEAST, field: ""})


@pytest.mark.parametrize("field", LONGEST)
def test_a_text_that_leaves_no_room_for_data_is_refused(field: str) -> None:
    """GIVEN a text that all events which follow would carry on WHEN it is too long THEN it is refused when read, and
    never shown whole."""
    with pytest.raises(EventError, match=rf"detail\.metadata\.{field}: 260,000 characters") as raised:
        Metadata.from_json({**LEAST, field: "9" * 260_000})
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize("field", LONGEST_OF_TRACE)
def test_a_trace_that_is_too_long_begins_anew(field: str) -> None:
    """GIVEN a trace that no standard allows WHEN read THEN the event is handled, without it."""
    assert Metadata.from_json({**LEAST, field: "x" * 10_000}) == Metadata.from_json(LEAST)


@pytest.mark.parametrize("field", ["published_at", "expires_at"])
@pytest.mark.parametrize("text", ["", "soon", "0001-01-01T00", "9999-12-31T23:59:59-23:59", "2026-13-01T00:00:00Z"])
def test_a_time_that_no_clock_shows_is_refused(field: str, text: str) -> None:
    """GIVEN a time of a false year, or none WHEN read THEN it is refused."""
    with pytest.raises(EventError, match=rf"detail\.metadata\.{field}: .*must be an ISO 8601 time"):
        Metadata.from_json({**LEAST, field: text})


@pytest.mark.parametrize("size", [-1, MAX_DATA_BYTES + 1, 10**18])
def test_a_reference_states_a_size_that_is_bounded(size: int) -> None:
    """GIVEN a reference to data larger than any that are published WHEN read THEN it is refused before a byte is
    fetched."""
    claim = {"bucket": "b", "key": "k", "size": size, "sha256": "0" * 64}
    with pytest.raises(EventError, match=r"detail\.metadata\.claim\.size: .*must be 0 to 16,777,216 bytes"):
        Metadata.from_json({**LEAST, "claim": claim})


@pytest.mark.parametrize("text", ["", "k" * 1_025, "ü" * 513])
@pytest.mark.parametrize("field", ["bucket", "key"])
def test_a_reference_names_an_object_that_s3_can_have(field: str, text: str) -> None:
    """GIVEN a reference without a name, or with one longer than S3 takes WHEN read THEN it is refused: each delivery
    anew would fail as this one."""
    claim = {"bucket": "b", "key": "k", "size": 3, "sha256": "0" * 64, field: text}
    with pytest.raises(EventError, match=rf"detail\.metadata\.claim\.{field}: .*must have 1 to 1,024 bytes"):
        Metadata.from_json({**LEAST, "claim": claim})


def test_an_event_of_aws_needs_no_envelope() -> None:
    """GIVEN an event of an AWS service WHEN read THEN its detail is the data and EventBridge's id its identity."""
    envelope = Envelope.decode(body(source="aws.s3", id="i-1", time="2026-01-01T00:00:00Z", detail={"k": 1}))

    assert envelope == Envelope(
        source="aws.s3",
        name="B",
        data={"k": 1},
        metadata=Metadata(
            event_id="i-1", schema_version=1, correlation_id="i-1", published_at="2026-01-01T00:00:00Z"
        ),
    )  # fmt: skip
