"""Log lines in a person's words."""

from __future__ import annotations

import json
from typing import Any

from fanout_tools.operate.sources.logs import Line
from fanout_tools.operate.views.log import about_event, about_worker


def line(text: str | dict[str, Any], at_ms: int = 1_800_000_000_123) -> Line:
    return Line.read("billing", at_ms, text if isinstance(text, str) else json.dumps(text))


SPANS = [
    ["e1", None, "shop.orders/OrderPlaced", "o-1", 1, 12, 5, 8.5, 1, 2, "handled", ["f1"]],
    ["e2", "e1", "shop.orders/OrderPaid", None, 1, None, None, None, 1, 1, "rejected"],
    ["e3", None, "shop.orders/OrderPaid", None, 1, 1, 1, 1.0, 1, 1, "handled"],
]
BATCH = line({"received": 3, "handled": 2, "rejected": 1, "retried": 0, "batch_ms": 12.4, "spans": SPANS})
FAILED = line(
    {
        "level": "WARNING",
        "message": "dead-lettered: no stock",
        "outcome": "rejected",
        "event_id": "e2",
        "error_type": "Reject",
        "error_at": "handler.py:31",
        "function_version": "7",
    }
)
PLAIN = line({"level": "INFO", "message": "began"})
DEATH = line("9f2 Task timed out after 3.00 seconds")
REPORT = line("REPORT RequestId: 9f2 Duration: 3000 ms Status: timeout")


def test_a_batch_is_a_sentence() -> None:
    [entry] = about_worker([BATCH, REPORT])

    assert entry.text == "3 received: 2 handled, 1 rejected in 12 ms"
    assert entry.time == "2027-01-15T08:00:00.123Z"


def test_errors_are_failures_and_deaths() -> None:
    entries = list(about_worker([BATCH, FAILED, PLAIN, DEATH, REPORT], errors=True))

    assert [(entry.level, entry.text) for entry in entries] == [
        ("WARNING", "dead-lettered: no stock"),
        ("DIED", "9f2 Task timed out after 3.00 seconds"),
    ]
    assert entries[0].to_json() == {
        "time": "2027-01-15T08:00:00.123Z",
        "worker": "billing",
        "level": "WARNING",
        "text": "dead-lettered: no stock",
        "event_id": "e2",
        "outcome": "rejected",
        "error_type": "Reject",
        "error_at": "handler.py:31",
        "version": "7",
    }


def test_of_an_event_there_is_only_what_is_its_own() -> None:
    """GIVEN a batch of three WHEN one is asked for THEN its record and its correlation's are told."""
    entries = list(about_event([BATCH, FAILED, PLAIN], "e1"))

    assert [entry.text for entry in entries] == [
        "shop.orders/OrderPlaced o-1, handled, waited 12 ms, took 8.5 ms, try 1, receive 2, published f1",
        "shop.orders/OrderPaid, rejected, try 1, receive 1",
    ]


def test_a_line_that_names_the_event_is_told() -> None:
    assert [entry.level for entry in about_event([BATCH, FAILED], "e2")] == ["EVENT", "WARNING"]
