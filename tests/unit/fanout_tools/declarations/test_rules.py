"""The cross-field rules at their edges: the last good value passes, the first bad one is named with its fix."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanout import ManifestError
from fanout_tools.declarations.rules import problems
from fanout_tools.declarations.worker import Manifest

BUS = {"via": "bus"}
FIFO = {"via": "bus", "queue": {"fifo": True}}


def said(**sections: Any) -> str:
    """What the rules say of a worker with these sections; empty where they are content."""
    declared = {"description": "Probe", "subscribes": [{"event": "shop.orders/OrderPlaced"}], **sections}
    try:
        Manifest.parse(declared, file="f")
    except ManifestError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("good", "bad", "key"),
    [
        ({"batch": {"size": 10}}, {"batch": {"size": 11}}, "batch.window_s"),
        ({"batch": {"size": 11, "window_s": 1}}, {"batch": {"size": 10_000}}, "batch.window_s"),
        ({**FIFO, "batch": {"size": 10}}, {**FIFO, "batch": {"size": 11}}, "batch.size"),
        ({**BUS, "batch": {"window_s": 1}}, {**FIFO, "batch": {"window_s": 1}}, "batch.window_s"),
        (FIFO, {"queue": {"fifo": True}}, "via"),
        ({"queue": {"visibility_s": 180}}, {"queue": {"visibility_s": 179}}, "queue.visibility_s"),
        ({"retry": {"base_s": 9, "cap_s": 9}}, {"retry": {"base_s": 10, "cap_s": 9}}, "retry.cap_s"),
        (
            {"function": {"reserved_concurrency": 5}, "batch": {"max_concurrency": 5}},
            {"function": {"reserved_concurrency": 5}, "batch": {"max_concurrency": 6}},
            "batch.max_concurrency",
        ),
        (
            {"function": {"reserved_concurrency": 5, "provisioned_concurrency": 5}},
            {"function": {"reserved_concurrency": 5, "provisioned_concurrency": 6}},
            "function.provisioned_concurrency",
        ),
        ({"batch": {"max_concurrency": 1_000}}, {"batch": {"max_concurrency": 1_001}}, "batch.max_concurrency"),
        (
            {"idempotency": {"ttl_hours": 24 * 18}},
            {"idempotency": {"ttl_hours": 24 * 18 - 1}},
            "idempotency.ttl_hours",
        ),
        (
            {"queue": {"retention_days": 1, "visibility_s": 7_200, "max_receives": 4}},
            {"queue": {"retention_days": 1, "visibility_s": 7_200, "max_receives": 5}},
            "queue.max_receives",
        ),
        (
            {"queue": {"retention_days": 1, "visibility_s": 7_200, "max_receives": 9}, "idempotency": {"mode": "off"}},
            {"queue": {"retention_days": 1, "visibility_s": 7_200, "max_receives": 10}, "idempotency": {"mode": "off"}},
            "queue.max_receives",
        ),
        ({"tables": {"idempotence": {"key": "id"}}}, {"tables": {"idempotency": {"key": "id"}}}, "tables.idempotency"),
        (
            {**BUS, "subscribes": [{"event": "*"}]},
            {"subscribes": [{"event": "*"}]},
            "subscribes.0.event",
        ),
        (
            {"subscribes": [{"event": "a/B"}, {"event": "a/C"}]},
            {"subscribes": [{"event": "a/B"}, {"event": "a/B"}]},
            "subscribes.1.event",
        ),
        (
            {**BUS, "subscribes": [{"event": "a/B", "where": {"x": [{"wildcard": "y*"}]}}]},
            {"subscribes": [{"event": "a/B", "where": {"x": [{"wildcard": "y*"}]}}]},
            "subscribes.0.where",
        ),
    ],
)
def test_a_rule_at_its_edge(good: dict[str, Any], bad: dict[str, Any], key: str) -> None:
    """GIVEN the last good and the first bad value WHEN judged THEN only the second is refused, by its key alone."""
    assert said(**good) == ""
    assert said(**bad).startswith(f"f: {key}: ")
    assert len(said(**bad).splitlines()) == 1


@given(timeout_s=st.integers(1, 900), window_s=st.integers(0, 300), visibility_s=st.integers(0, 43_200))
def test_no_message_returns_while_its_batch_may_still_run(timeout_s: int, window_s: int, visibility_s: int) -> None:
    """GIVEN any time-out, window and visibility WHEN judged THEN those under AWS's advice are refused, none else."""
    refused = said(
        function={"timeout_s": timeout_s},
        batch={"window_s": window_s},
        queue={"visibility_s": visibility_s, "retention_days": 14, "max_receives": 1},
    )

    assert bool(refused) == (visibility_s < 6 * timeout_s + window_s)
    if refused:
        assert f"write {6 * timeout_s + window_s} or more" in refused


def test_the_filter_policy_of_a_domain_is_judged_as_a_whole() -> None:
    """GIVEN events of one domain, each with conditions that SNS takes WHEN their joint policy has more combinations
    than SNS takes THEN the worker is refused, and told of the bus."""
    each = [{"event": f"a/E{n}", "where": {"x": list(range(12))}} for n in range(5)]

    assert said(subscribes=each[:1]) == ""
    assert said(subscribes=each).startswith("f: subscribes: a: ")
    assert "via: bus" in said(subscribes=each)
    assert said(subscribes=each, via="bus") == ""


def test_events_are_checked_only_when_they_are_known() -> None:
    """GIVEN a worker of an unknown event WHEN no events are given THEN that rule is left out."""
    manifest = Manifest.parse({"description": "P", "subscribes": [{"event": "a/B"}]}, file="f")

    assert list(problems(manifest, None)) == []
    assert list(problems(manifest, ["a/B"])) == []
    assert list(problems(manifest, [])) == [
        "subscribes.0.event: a/B: no such event; declare it in the contracts or correct the name"
    ]
