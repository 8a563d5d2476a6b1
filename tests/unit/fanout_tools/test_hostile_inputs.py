"""Whatever comes from outside ends as an event, a value, or the one error that names what is wrong: never otherwise.

``HYPOTHESIS_PROFILE=many`` draws 20 times as many.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, cast

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from fanout import Context, Event, Outcome
from fanout.errors import EventError, ManifestError, PatternError
from fanout.events.envelope import MAX_DATA_BYTES, DataReference, Envelope
from fanout.payloads import ClaimCheck
from fanout.publish import wrap
from fanout.testing import Rig, record, record_of
from fanout.worker import Worker
from fanout_tools.cli.output import printable
from fanout_tools.declarations.worker import Manifest, load
from fanout_tools.patterns import Pattern


class Line(BaseModel):
    sku: str = Field(min_length=1, max_length=64)
    quantity: int = Field(ge=1, le=1_000)


class Total(BaseModel):
    amount: Decimal = Field(ge=0, decimal_places=2)
    currency: str = Field(pattern="^[A-Z]{3}$")


class OrderPlaced(Event, source="probe.orders", version=1):
    """An order as a shop's is."""

    order_id: str = Field(min_length=1, max_length=64)
    customer_id: str
    email: str
    placed_on: date
    lines: list[Line] = Field(min_length=1)
    total: Total


EXAMPLES = 2_000 if os.environ.get("HYPOTHESIS_PROFILE") == "many" else 100

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
)
hostile = settings(max_examples=EXAMPLES, deadline=None)


def taken(call: Callable[[], object], *errors: type[Exception]) -> bool:
    """Whether the input was taken; False when it was refused as it may be."""
    try:
        call()
    except errors as error:
        if not str(error):
            raise
        return False
    return True


def spoilt(whole: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """What is right but for one field, at any depth."""
    paths = list(_paths(whole))

    def spoil(path: tuple[str, ...], value: object) -> dict[str, Any]:
        changed = json.loads(json.dumps(whole))
        node = changed
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = value
        return cast("dict[str, Any]", changed)

    return st.builds(spoil, st.sampled_from(paths), values)


def _paths(node: dict[str, Any], above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for key, value in node.items():
        found.append((*above, key))
        if isinstance(value, dict):
            found += _paths(value, (*above, key))
    return found


EVENT = {
    "source": "probe.orders",
    "detail-type": "OrderPlaced",
    "id": "1",
    "detail": {
        "metadata": {
            "event_id": "e", "schema_version": 1, "correlation_id": "c", "published_at": "2026-01-01T00:00:00Z",
            "causation_id": "c", "subject": "s", "traceparent": "t", "tracestate": "t", "gather": "w/g/1",
            "expires_at": "2036-01-01T00:00:00Z",
            "claim": {"bucket": "b", "key": "k", "size": 3, "sha256": "0" * 64},
        },
        "data": {"number": 1},
    },
}  # fmt: skip


@hostile
@given(st.binary() | st.text().map(str.encode) | (values | spoilt(EVENT)).map(lambda value: _json(value)))
def test_a_body_is_an_event_or_refused(body: bytes) -> None:
    """GIVEN any bytes, JSON, or an event with one field spoilt WHEN decoded THEN it is an event or an EventError."""
    taken(lambda: Envelope.decode(body).metadata.to_json(), EventError)


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode(errors="surrogatepass")


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Worker:
    folder = tmp_path_factory.mktemp("services") / "probe"
    folder.mkdir()
    (folder / "worker.yaml").write_text("description: A probe\nsubscribes: [{event: probe.orders/OrderPlaced}]\n")
    made = Worker(str(folder / "handler.py"))

    @made.handles(OrderPlaced)
    def handle(order: OrderPlaced, context: Context) -> None:
        """Takes any."""

    return made


@hostile
@given(st.lists(st.text() | spoilt(EVENT).map(json.dumps), max_size=4))
def test_a_record_has_an_outcome_and_harms_no_other(worker: Worker, bodies: list[str]) -> None:
    """GIVEN a batch of any records WHEN handled THEN each has an outcome, and a good one among them is handled."""
    order = OrderPlaced.from_data(GOOD)
    *others, good = Rig(worker).deliver(*map(record, bodies), record_of(wrap(order)))

    assert all(delivery.outcome is not None for delivery in others)
    assert good.outcome is Outcome.HANDLED


GOOD: dict[str, Any] = {
    "order_id": "o", "customer_id": "c", "email": "a@b.example", "placed_on": "2026-01-01",
    "lines": [{"sku": "CD-000", "quantity": 1}], "total": {"amount": "1.00", "currency": "USD"},
}  # fmt: skip


@hostile
@given(values | spoilt(GOOD))
def test_data_keep_a_contract_or_are_refused(data: object) -> None:
    """GIVEN any data, or an order's with one field spoilt WHEN read THEN it is an order or an EventError."""
    taken(lambda: OrderPlaced.from_data(data).to_data(), EventError)


PATTERN = {"source": ["a"], "detail": {"data": {"amount": [{"numeric": [">", 1]}], "kind": [{"prefix": "x"}]}}}


@hostile
@given(values | spoilt(PATTERN), values)
def test_a_pattern_is_read_or_refused(pattern: Any, event: Any) -> None:
    """GIVEN any pattern WHEN read THEN it judges any event, or is a PatternError."""
    if taken(lambda: Pattern.parse(pattern), PatternError):
        Pattern.parse(pattern).matches(event if isinstance(event, dict) else {})


DECLARATION = {
    "description": "d", "subscribes": [{"event": "a/B"}], "publishes": ["a/C"], "queue": {"max_receives": 5},
    "idempotency": {"mode": "strict", "key": []}, "retry": {"base_s": 1}, "batch": {"size": 10},
    "function": {"timeout_s": 30, "memory_mb": 256}, "tables": {"t": {"key": "id"}}, "gathers": False, "parts_of": [],
    "permissions": [], "parameters": {"a": "b"}, "secrets": {}, "slo": {"age_s": 60},
}  # fmt: skip


@hostile
@given(values | spoilt(DECLARATION))
def test_a_declaration_is_read_or_refused(declared: object) -> None:
    """GIVEN any declaration WHEN read THEN it is a manifest or a ManifestError."""
    taken(lambda: Manifest.parse(declared, file="worker.yaml"), ManifestError)


@hostile
@given(st.binary() | st.text(alphabet="[]{}:,-&*!|>'\"%@`#? \n\tab01", max_size=80).map(str.encode))
def test_the_text_of_a_declaration_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: bytes) -> None:
    """GIVEN a worker.yaml of any bytes WHEN read THEN it is a manifest or a ManifestError."""
    file = tmp_path_factory.getbasetemp() / "worker.yaml"
    file.write_bytes(text)
    taken(lambda: load(file), ManifestError)


@hostile
@given(
    st.binary() | values.map(_json) | st.binary().map(gzip.compress), st.booleans(), st.booleans(), st.integers(-1, 99)
)
def test_a_claim_is_its_data_or_refused(body: bytes, packed: bool, right: bool, size: int) -> None:
    """GIVEN any object behind a reference, with its right or a wrong hash and size WHEN fetched THEN it is a mapping or
    an EventError."""
    data = gzip.decompress(body) if right and body[:3] == b"\x1f\x8b\x08" else body

    class S3:
        def get_object(self, **_: object) -> dict[str, Any]:
            encoding = {"ContentEncoding": "gzip"} if packed else {}
            return {"Body": io.BytesIO(body), "ContentLength": len(body), **encoding}

    reference = DataReference(
        bucket="b", key="k", size=len(data) + size, sha256=hashlib.sha256(data if right else b"").hexdigest()
    )
    check = ClaimCheck(lambda: cast("Any", S3()), lambda: "b")
    if reference.size >= 0 and taken(lambda: check.fetch(reference), EventError):
        assert orjson.loads(data) == check.fetch(reference)
    assert len(data) < MAX_DATA_BYTES


@hostile
@given(st.text())
def test_what_is_printed_steers_no_terminal(text: str) -> None:
    """GIVEN any text WHEN printed THEN it has no character that a terminal obeys, and is shown by another."""
    shown = printable(text)

    assert all(character.isprintable() or character == "\n" for character in shown)
    assert len(shown) >= len(text) or text.isprintable()
