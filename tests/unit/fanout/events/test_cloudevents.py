"""CloudEvents out and in: the same event comes back, and what is none is refused by the name of the attribute."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanout import Envelope, EventError
from fanout.events.cloudevents import from_cloudevent
from fanout.events.envelope import MAX_DATA_BYTES, DataReference, Metadata
from tests.unit.fanout.events.test_envelope import json_values, times

LEAST = {"specversion": "1.0", "id": "e-1", "source": "shop.orders", "type": "shop.orders.OrderPlaced", "data": {}}

# CloudEvents' texts are not empty, nor do they hold control characters or half surrogate pairs.
texts = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), min_size=1, max_size=20)
keys = st.text("abcdefgh-./0123", min_size=1)
references = st.builds(
    DataReference,
    bucket=st.text("abc-", min_size=1),
    key=keys,
    size=st.integers(0, MAX_DATA_BYTES),
    sha256=st.just("0" * 64),
)
metadata = st.builds(
    Metadata,
    event_id=texts,
    schema_version=st.integers(1, 1_000),
    correlation_id=texts,
    published_at=times,
    expires_at=st.none() | times,
    claim=st.none() | references,
    **{name: st.none() | texts for name in ("causation_id", "subject", "traceparent", "tracestate")},
)
envelopes = st.builds(
    Envelope, source=texts, name=texts, metadata=metadata, data=st.dictionaries(texts, json_values, max_size=4)
)


@given(envelopes)
def test_what_goes_out_comes_in(envelope: Envelope) -> None:
    """GIVEN any event WHEN written as a CloudEvent and read THEN it is the same."""
    written = json.dumps(envelope.to_cloudevent())

    assert Envelope.from_cloudevent(json.loads(written)) == envelope


@given(envelopes)
def test_what_goes_out_is_a_cloudevent(envelope: Envelope) -> None:
    """GIVEN any event WHEN written THEN the required attributes are there, names are lower-case letters and digits,
    and no attribute is empty."""
    written = envelope.to_cloudevent()
    attributes = {name: value for name, value in written.items() if name != "data"}

    assert {"specversion", "id", "source", "type"} <= attributes.keys()
    assert all(name.isascii() and name.isalnum() and name.islower() and len(name) <= 20 for name in attributes)
    assert not [name for name, value in attributes.items() if value in (None, "")]


def test_each_attribute_has_its_name() -> None:
    """GIVEN an event with everything WHEN written THEN each attribute is the documented one."""
    reference = DataReference(bucket="b", key="k", size=3, sha256="f" * 64)
    envelope = Envelope(
        source="shop.orders",
        name="OrderPlaced",
        metadata=Metadata(
            event_id="e", schema_version=2, correlation_id="c", published_at="2026-01-01T00:00:00.000Z",
            causation_id="r", subject="s", traceparent="t", tracestate="u", expires_at="2026-01-02T00:00:00.000Z",
            claim=reference,
        ),
        data={"x": 1},
    )  # fmt: skip

    assert envelope.to_cloudevent() == {
        "specversion": "1.0",
        "id": "e",
        "source": "shop.orders",
        "type": "shop.orders.OrderPlaced",
        "subject": "s",
        "time": "2026-01-01T00:00:00.000Z",
        "datacontenttype": "application/json",
        "schemaversion": 2,
        "correlationid": "c",
        "causationid": "r",
        "traceparent": "t",
        "tracestate": "u",
        "expirytime": "2026-01-02T00:00:00.000Z",
        "dataref": "s3://b/k",
        "datarefsize": 3,
        "datarefsha256": "f" * 64,
        "data": {"x": 1},
    }


def test_the_least_event_is_filled_in() -> None:
    """GIVEN a CloudEvent of another producer WHEN read THEN it starts a correlation, is of version 1, and is
    published now."""
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    envelope = from_cloudevent({**LEAST, "theirown": "x"}, now=noon)

    assert (envelope.source, envelope.name, envelope.data) == ("shop.orders", "OrderPlaced", {})
    assert envelope.metadata == Metadata(
        event_id="e-1", schema_version=1, correlation_id="e-1", published_at="2026-01-01T12:00:00.000+00:00"
    )


def test_a_type_without_its_source_is_the_name() -> None:
    """GIVEN a type that does not begin with the source WHEN read THEN it is the event's name."""
    assert from_cloudevent({**LEAST, "type": "OrderPlaced"}).identifier == "shop.orders/OrderPlaced"


def test_json_in_base64_is_json() -> None:
    """GIVEN data as Base64 WHEN read THEN they are the JSON in it."""
    event = {**LEAST, "data_base64": base64.b64encode(b'{"x": 1}').decode()}
    del event["data"]

    assert from_cloudevent(event).data == {"x": 1}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"specversion": "0.3"}, 'needs a CloudEvent: an object with "specversion": "1.0"'),
        ({"id": ""}, "id: '': must be a text"),
        ({"source": None}, "source: None: must be a text"),
        ({"type": 3}, "type: 3: must be a text"),
        ({"subject": 3}, "subject: 3: must be a text"),
        ({"source": "aws.s3"}, "source: aws.s3: is AWS's, or a canary's"),
        ({"source": "canary.shop.orders"}, "source: canary.shop.orders: is AWS's, or a canary's"),
        ({"source": "s" * 257}, "source has 257 characters of at most 256"),
        ({"type": "shop.orders."}, "source has 11 characters of at most 256, the event's name in type 0 of 1 to 128"),
        ({"type": "N" * 129}, "source has 11 characters of at most 256, the event's name in type 129 of 1 to 128"),
        ({"dataref": "x" * 101}, f"dataref: {'x' * 100}: must be"),
        ({"schemaversion": "2"}, "detail.metadata.schema_version: '2': must be a whole number"),
        ({"datacontenttype": "text/xml"}, "datacontenttype: text/xml: must be application/json"),
        ({"data": None}, "data: must be an object"),
        ({"data_base64": "%"}, "data_base64: is no JSON in Base64"),
        ({"data_base64": 3}, "data_base64: is no JSON in Base64"),
        ({"dataref": "https://x/y"}, "dataref: https://x/y: must be s3://<bucket>/<key>"),
        ({"dataref": "s3://b/k"}, "detail.metadata.claim.size: None: must be a int"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], said: str) -> None:
    """GIVEN a CloudEvent with one thing wrong WHEN read THEN the error names it."""
    with pytest.raises(EventError) as raised:
        from_cloudevent({**LEAST, **changes})

    assert str(raised.value).startswith(said)


@pytest.mark.parametrize("event", [None, [], "text", {}])
def test_what_is_no_cloudevent_is_refused(event: object) -> None:
    """GIVEN something else WHEN read THEN the error says what is wanted."""
    with pytest.raises(EventError, match=r"^needs a CloudEvent"):
        from_cloudevent(event)


def test_an_empty_subject_is_left_out() -> None:
    """GIVEN metadata with an empty text WHEN written THEN the attribute is not there: CloudEvents know no empty one."""
    envelope = from_cloudevent(LEAST)
    metadata = replace(envelope.metadata, subject="")

    assert "subject" not in replace(envelope, metadata=metadata).to_cloudevent()
