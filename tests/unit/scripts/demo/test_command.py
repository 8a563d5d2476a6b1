"""The run waits for quiet queues, and ends when a DLQ fills with what nobody rejects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from fanout_tools.cli.deployment import Deployment, Depth
from scripts.demo import command, report
from scripts.demo.patience import StuckError
from scripts.demo.reconcile import Check

from .conftest import Shop

QUIET = Depth(0, 0, 0)


def depths(**changed: Depth) -> dict[str, Depth]:
    return {"billing": QUIET, "inventory": QUIET} | changed


def given(monkeypatch: pytest.MonkeyPatch, looks: Iterator[dict[str, Depth]]) -> None:
    monkeypatch.setattr(Deployment, "depths", lambda _self: next(looks))


def test_three_quiet_looks_in_a_row_end_the_wait(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    busy = depths(billing=Depth(3, 2, 0))
    looks = iter([depths(), depths(), busy, depths(), depths(), depths()])
    given(monkeypatch, looks)

    command.wait_until_quiet(shop.scenario, shop.deployment, depths(), sleep=lambda _: None)

    assert list(looks) == []
    assert capsys.readouterr().out == "in queues   billing 5\n"


def test_rejects_in_their_dlq_are_no_fault(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, iter([depths(billing=Depth(0, 0, 2))] * 3))

    command.wait_until_quiet(shop.scenario, shop.deployment, depths(), sleep=lambda _: None)


def test_a_dlq_that_fills_ends_the_run_with_the_cause(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.letter("inventory", f"{shop.scenario.run}-00001", "KeyError")
    given(monkeypatch, iter([depths(inventory=Depth(5, 0, 1))]))

    with pytest.raises(StuckError, match=r"inventory's DLQ is filling: demo-\w+-00001: KeyError: no; fix the worker"):
        command.wait_until_quiet(shop.scenario, shop.deployment, depths(), sleep=lambda _: None)


def test_a_failed_check_is_told_in_full(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    report.tell_result(shop.scenario, {"billing": Counter(received=3)}, [Check("ledger: CDs", 6, 5)], 2.0)

    out, err = capsys.readouterr()
    assert "reconciled" not in out
    assert err == "does not reconcile: ledger: CDs: expected 6, found 5\n"
