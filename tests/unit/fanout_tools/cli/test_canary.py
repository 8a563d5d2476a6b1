"""What ``fanout canary`` prints, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import pytest
from typer.testing import CliRunner

from fanout_tools.canary.deployed import Deployed
from fanout_tools.canary.faults import Fault, Hop
from fanout_tools.canary.planning import Declared, Pair
from fanout_tools.canary.run import Result, Times, Verdict
from fanout_tools.cli import app as fanout
from fanout_tools.cli import canary

pytestmark = pytest.mark.shop

WELL = Result(Pair("a/B", "billing"), Verdict.DELIVERED, times=Times(15, 41, None), version="3")
LATE = Result(Pair("a/B", "loyalty"), Verdict.LATE, note="the worker is paused")
FAULT = Fault(Hop.SUBSCRIPTION, "topic -> queue", "the queue is not subscribed to the topic")
BROKEN = [Result(Pair(event, "report"), Verdict.FAILED, FAULT) for event in ("a/B", "a/C")]


def invoked(monkeypatch: pytest.MonkeyPatch, results: list[Result], *arguments: str) -> Any:
    """The command, with a run that ends so; what the run was asked for stands in ``asked``."""

    def run(deployed: Deployed, declared: Declared, *, limit_s: float, paused: Collection[str]) -> list[Result]:
        asked.append((deployed.names.namespace, sorted(declared.manifests)[0], limit_s, [*paused]))
        return results

    asked: list[Any] = []
    monkeypatch.setattr(canary, "run", run)
    ended = CliRunner().invoke(fanout.application(), ["canary", "--env", "test", *arguments])
    return ended, asked


def test_a_deployment_that_delivers_ends_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN pairs that are well or late WHEN told THEN each has its row, and the exit status is 0."""
    ended, asked = invoked(monkeypatch, [WELL, LATE], "--limit-s", "90", "--paused", "loyalty")

    assert (ended.exit_code, ended.stderr) == (0, "")
    assert asked == [("fanout-test", "audit", 90.0, ["loyalty"])]
    assert ended.stdout.splitlines() == [
        "event\tworker\tto queue ms\tin queue ms\tto function ms\tresult",
        "a/B\tbilling\t15\t41\t-\tok",
        "a/B\tloyalty\t-\t-\t-\tlate: the worker is paused",
    ]


def test_a_fault_is_told_once_and_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN two pairs that one hop fails WHEN told THEN the hop has one line with its fix, and the status is 1."""
    ended, _ = invoked(monkeypatch, [WELL, *BROKEN])

    assert ended.exit_code == 1
    assert ended.stderr == (
        "canary: subscription topic -> queue: the queue is not subscribed to the topic; `make deploy` puts it back\n"
    )
    assert ended.stdout.splitlines()[2] == "a/B\treport\t-\t-\t-\tfailed: subscription topic -> queue"


def test_json_has_the_fault_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    ended, _ = invoked(monkeypatch, [BROKEN[0]], "--json")

    [row] = map(json.loads, ended.stdout.splitlines())
    assert row["fault"] == {
        "hop": "subscription",
        "name": "topic -> queue",
        "cause": "the queue is not subscribed to the topic",
        "fix": "`make deploy` puts it back",
    }


def test_an_unknown_paused_worker_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    ended, asked = invoked(monkeypatch, [], "--paused", "biling")

    assert (ended.exit_code, asked) == (2, [])
    assert "biling: no such worker" in ended.stderr
