"""The forwarder sends what batches log to a collector, and raises just what may pass."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest

from fanout.tracing import forwarder
from fanout.tracing.otlp import ExportError

ACCOUNT = ["e-1", None, "shop.orders/OrderPlaced", "s", 1_000, 5, 1_010, 2.5, 1, 1, "handled", ["e-2"]]
LINE = {"worker": "billing", "_aws": {"Timestamp": 1_020}, "spans": [ACCOUNT]}
UNSAMPLED = {**LINE, "spans": [[*ACCOUNT, f"00-{'a' * 32}-{'b' * 16}-00"]]}


def event(*messages: str, kind: str = "DATA_MESSAGE") -> dict[str, Any]:
    """As CloudWatch Logs invokes a function."""
    told = {"messageType": kind, "logEvents": [{"message": message} for message in messages]}
    return {"awslogs": {"data": base64.b64encode(gzip.compress(json.dumps(told).encode())).decode()}}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any, Any]]:
    """What went to the collector: URL, body, header fields."""
    calls: list[tuple[str, Any, Any]] = []

    def export(url: str, body: Any, *, headers: Any) -> int:
        calls.append((url, body, headers))
        return 0

    monkeypatch.setattr(forwarder, "export", export)
    monkeypatch.setenv("FANOUT_OTLP_ENDPOINT", "https://collector.example")
    monkeypatch.setenv("FANOUT_NAMESPACE", "fanout-test")
    return calls


def test_spans_of_lines_are_sent(sent: list[tuple[str, Any, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    """GIVEN a batch's line among others WHEN invoked THEN the try and the publication are sent, under the worker, and
    counted."""
    forwarder.handler(event(json.dumps(LINE), "spans, but no JSON", "[]", json.dumps({"spans": 1})), None)

    [(url, body, headers)] = sent
    assert (url, headers) == ("https://collector.example", {})
    [of_worker] = body["resourceSpans"]
    names = {each["key"]: each["value"]["stringValue"] for each in of_worker["resource"]["attributes"]}
    assert names == {"service.name": "billing", "service.namespace": "fanout-test"}
    first, second = of_worker["scopeSpans"][0]["spans"]
    assert (first["name"], second["name"]) == ("process shop.orders/OrderPlaced", "send")
    assert second["parentSpanId"] == first["spanId"]
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["spans"] == 2


@pytest.mark.parametrize(
    "given", [event(json.dumps(LINE), kind="CONTROL_MESSAGE"), event(json.dumps(UNSAMPLED)), event("{}")]
)
def test_nothing_is_sent_where_there_is_nothing(sent: list[tuple[str, Any, Any]], given: dict[str, Any]) -> None:
    """GIVEN CloudWatch's own message, a trace that is not to be recorded, or a line without spans WHEN invoked THEN the
    collector is left alone."""
    forwarder.handler(given, None)
    assert sent == []


def test_header_fields_are_a_secret(sent: list[tuple[str, Any, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN a secret of header fields WHEN spans are sent THEN they go along."""
    monkeypatch.setenv("SECRET_OTLP_HEADERS", "fanout-test/otlp")
    monkeypatch.setattr(forwarder, "secret", {"otlp-headers": '{"x-api-key": "k"}'}.__getitem__)
    forwarder.handler(event(json.dumps(LINE)), None)

    assert sent[0][2] == {"x-api-key": "k"}


@pytest.mark.parametrize("may_pass", [True, False])
def test_what_may_pass_is_tried_again(
    sent: list[tuple[str, Any, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    may_pass: bool,
) -> None:
    """GIVEN a collector that takes nothing WHEN invoked THEN Lambda is to try again if that may pass; else the log
    tells of the spans, and nothing is raised."""

    def export(*_: object, **__: object) -> int:
        raise ExportError("503" if may_pass else "400", may_pass=may_pass)

    monkeypatch.setattr(forwarder, "export", export)
    if may_pass:
        with pytest.raises(ExportError):
            forwarder.handler(event(json.dumps(LINE)), None)
    else:
        forwarder.handler(event(json.dumps(LINE)), None)
        assert "will never take" in capsys.readouterr().out
    assert sent == []
