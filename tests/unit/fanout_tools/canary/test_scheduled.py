"""Canaries by the clock: what the function in Lambda tells, and by what it fails."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from fanout import telemetry
from fanout_tools.canary import scheduled
from fanout_tools.canary.faults import Fault, Hop
from fanout_tools.canary.planning import Pair
from fanout_tools.canary.run import Result, Verdict
from fanout_tools.canary.scheduled import CanaryFailedError, handler
from scripts.paths import REPOSITORY

ORDER, INVOICE = Pair("shop.orders/OrderPlaced", "billing"), Pair("shop.billing/InvoiceIssued", "loyalty")
FAULT = Fault(Hop.MAPPING, "fanout-test-billing -> live", "the mapping is Disabled", "enable it")
DELIVERED = Result(INVOICE, Verdict.DELIVERED)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FANOUT_NAMESPACE", "fanout-test")
    monkeypatch.setenv("FANOUT_CANARY_LIMIT_S", "45")
    # The process's logging stays the tests'; test_functions.py runs the package as it is.
    monkeypatch.setattr(telemetry, "configure", telemetry.forget_environment)
    monkeypatch.setattr(scheduled, "ROOT", REPOSITORY)


def ended(monkeypatch: pytest.MonkeyPatch, *results: Result) -> list[dict[str, Any]]:
    """Let each run end so; what the runs were asked."""
    asked: list[dict[str, Any]] = []

    def run(deployed: Any, _declared: Any, **options: Any) -> Sequence[Result]:
        asked.append({"bus": deployed.names.bus, **options})
        return results

    monkeypatch.setattr(scheduled, "run", run)
    return asked


def metrics(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The one line of them."""
    [line] = [json.loads(it) for it in capsys.readouterr().out.splitlines() if "_aws" in it]
    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["namespace"]]
    assert line["namespace"] == "fanout-test"
    told: dict[str, Any] = line
    return told


def test_an_existing_bus_is_told_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FANOUT_EVENT_BUS", "shared")
    asked = ended(monkeypatch, DELIVERED)

    handler({}, None)

    assert asked[0]["bus"] == "shared"


def test_a_run_without_a_fault_is_a_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """GIVEN canaries that all come through WHEN the function runs THEN it returns how many, and its metrics say so."""
    asked = ended(monkeypatch, DELIVERED)

    assert handler({"paused": ["billing"]}, None) == {"delivered": 1, "late": 0, "failed": 0, "unsent": 0}
    assert asked == [{"bus": "fanout-test", "limit_s": 45.0, "paused": ["billing"]}]
    told = metrics(capsys)
    assert (told["CanaryFailedHops"], told["CanarySuccessfulRuns"]) == (0, 1)
    assert told["CanaryDuration"] >= 0


def test_a_fault_is_told_once_and_fails_the_invocation(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """GIVEN a mapping that fails two pairs WHEN the function runs THEN one line names hop, cause, fix and both pairs,
    and the invocation fails with the same."""
    other = Pair("shop.orders/OrderShipped", "billing")
    failed = [Result(pair, Verdict.FAILED, FAULT) for pair in (ORDER, other)]
    ended(monkeypatch, *failed, DELIVERED)

    with pytest.raises(CanaryFailedError, match=r"^mapping fanout-test-billing -> live: the mapping is Disabled; "):
        handler({}, None)

    [line] = caplog.records
    assert line.levelname == "ERROR"
    told = line.__dict__
    assert [told[it] for it in ("hop", "resource", "cause", "fix")] == ["mapping", FAULT.name, FAULT.cause, FAULT.fix]
    assert told["pairs"] == ["shop.orders/OrderPlaced billing", "shop.orders/OrderShipped billing"]
    told = metrics(capsys)
    assert (told["CanaryFailedHops"], told["CanarySuccessfulRuns"], told["failed"]) == (1, 0, 2)


def test_a_run_that_delivers_nothing_is_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """GIVEN canaries that are all late or not tried WHEN the function runs THEN it does not fail, and it has not
    succeeded: after three such runs an alarm rings."""
    ended(
        monkeypatch,
        Result(ORDER, Verdict.LATE, note="the worker is paused"),
        Result(INVOICE, Verdict.UNSENT, note="an older version"),
    )

    assert handler({}, None) == {"delivered": 0, "late": 1, "failed": 0, "unsent": 1}
    told = metrics(capsys)
    assert (told["CanaryFailedHops"], told["CanarySuccessfulRuns"]) == (0, 0)
    assert [(it.levelname, it.getMessage()) for it in caplog.records] == [
        ("WARNING", "canary: late: the worker is paused"),
        ("WARNING", "canary: not tried: an older version"),
    ]
