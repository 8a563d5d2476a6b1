"""What an operator writes becomes events, or is refused by its line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fanout import Envelope
from fanout_tools.cli.lines import Line, lines, wrapped
from tests.unit.fanout.conftest import ThingHappened

LEAST = {"specversion": "1.0", "id": "e-1", "source": "test.things", "type": "test.things.ThingHappened"}


def cloudevent(**changes: Any) -> tuple[list[Envelope], list[str]]:
    refused: list[str] = []
    line = Line("file:1", None, {**LEAST, "data": {"number": 1}, **changes})
    return list(wrapped([line], None, refused, cloudevents=True)), refused


def test_a_cloudevent_keeps_what_it_says_of_itself() -> None:
    """GIVEN a CloudEvent WHEN wrapped THEN id, time and correlation are its own, version and trace are filled in."""
    [envelope], refused = cloudevent(time="2026-01-01T00:00:00Z", correlationid="c")

    assert refused == []
    assert (envelope.identifier, envelope.data) == ("test.things/ThingHappened", {"number": 1})
    metadata = envelope.metadata
    assert (metadata.event_id, metadata.correlation_id, metadata.published_at) == ("e-1", "c", "2026-01-01T00:00:00Z")
    assert metadata.schema_version == ThingHappened.contract.version
    assert metadata.traceparent


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"data": {"number": "1"}}, "file:1: test.things/ThingHappened version 1: number: "),
        ({"type": "ThingLost"}, "file:1: test.things/ThingLost: no such contract"),
        ({"schemaversion": 9}, "file:1: test.things/ThingHappened version 9: no such contract"),
        ({"specversion": "0.3"}, "file:1: needs a CloudEvent"),
        (
            {"dataref": "s3://b/k", "datarefsize": 1, "datarefsha256": "f"},
            "file:1: dataref: such an event carries a part of its data only",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    changes: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """GIVEN a CloudEvent that cannot be published WHEN wrapped THEN its line and the cause are told."""
    envelopes, refused = cloudevent(**changes)

    assert (envelopes, refused) == ([], ["file:1"])
    assert capsys.readouterr().err.startswith(said)


def test_a_cloudevent_of_fanout_s_own_comes_back_the_same() -> None:
    """GIVEN an event written as a CloudEvent WHEN wrapped THEN it is the same event."""
    [first], _ = cloudevent()
    refused: list[str] = []
    [again] = wrapped([Line("x", None, json.loads(json.dumps(first.to_cloudevent())))], None, refused, cloudevents=True)

    assert again == first


def test_data_nested_without_end_are_refused_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    refused: list[str] = []
    nested = "[" * 100_000 + "]" * 100_000

    assert list(wrapped(lines("test.things/ThingHappened", nested, None), None, refused, cloudevents=False)) == []
    assert refused == ["--data"]
    assert capsys.readouterr().err == "--data: not an event: nested too deeply\n"
