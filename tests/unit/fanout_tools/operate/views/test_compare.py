"""A version of a worker beside the one before it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fanout_tools.operate.sources.logs import Line
from fanout_tools.operate.views.compare import NothingToCompareError, compare, of_versions


def batch(version: str, at_ms: int, took: list[float], **counts: int) -> Line:
    spans = [[f"e{n}", None, "a/B", None, 1, 1, at_ms, ms, 1, 1, "handled"] for n, ms in enumerate(took)]
    fields = {"received": sum(counts.values()), **counts, "batch_ms": sum(took), "spans": spans}
    return line(at_ms, function_version=version, **fields)


def failure(version: str, at_ms: int, cause: str, place: str) -> Line:
    told = {"level": "ERROR", "message": "no", "outcome": "retried", "error_type": cause, "error_at": place}
    return line(at_ms, function_version=version, **told)


def line(at_ms: int, **fields: Any) -> Line:
    return Line.read("inventory", at_ms, json.dumps(fields))


DEATH = Line.read("inventory", 2_500, "x Task timed out after 3.00 seconds")


def test_a_new_cause_a_slower_handler_and_a_death_are_worse() -> None:
    lines = [
        batch("41", 1_000, [10.0] * 98 + [20.0] * 2, handled=100),
        failure("41", 1_100, "Reject", "handler.py:31"),
        batch("42", 2_000, [10.0] * 50 + [90.0] * 50, handled=90, retried=10),
        failure("42", 2_100, "KeyError", "handler.py:40"),
        failure("42", 2_200, "KeyError", "handler.py:40"),
        failure("42", 2_300, "Reject", "handler.py:31"),
        DEATH,
    ]
    seen = compare("inventory", lines)

    assert (seen.older.version, seen.newer.version) == ("41", "42")
    assert (seen.older.p50_ms, seen.older.p99_ms, seen.newer.p99_ms) == (10.0, 20.0, 90.0)
    assert dict(seen.new_causes) == {"KeyError handler.py:40": 2}
    assert seen.worse == (
        "new cause, 2 times: KeyError handler.py:40",
        "10.0% retried, was 0.0%",
        "p99 90 ms, was 20 ms",
        "1 invocations died, were 0",
    )
    assert json.loads(json.dumps(seen.to_json()))["newer"]["ms_a_record"] == 50.0


def test_of_few_records_no_share_is_told_as_worse() -> None:
    lines = [batch("1", 1, [1.0], handled=1), batch("2", 2, [9.0], retried=1)]
    assert compare("inventory", lines).worse == ()


def test_versions_can_be_named() -> None:
    lines = [batch(version, int(version), [1.0], handled=1) for version in ("1", "2", "3")]
    seen = compare("inventory", lines, "1", "2")
    assert (seen.older.version, seen.newer.version) == ("1", "2")


@pytest.mark.parametrize(("older", "newer"), [(None, None), ("1", "7")])
def test_what_the_logs_do_not_tell_of_is_an_error(older: str | None, newer: str | None) -> None:
    with pytest.raises(NothingToCompareError, match="two versions are needed, its logs tell of version 1 alone"):
        compare("inventory", [batch("1", 1, [1.0], handled=1)], older, newer)


def test_lines_without_a_batch_are_no_version() -> None:
    assert of_versions([line(1, function_version="7", level="INFO", message="begin")]) == {}
