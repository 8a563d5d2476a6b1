"""The runs of the benchmark, and what is told of them."""

from __future__ import annotations

from collections import Counter

from scripts.bench.demo_runs import Run, figures, kinds


def test_twenty_runs_have_five_busy_and_five_stopped() -> None:
    assert kinds(20)[0] == "cold"
    assert Counter(kinds(20)) == {"cold": 1, "stopped": 5, "busy": 5, "plain": 9}
    assert kinds(1) == ["cold"]


def test_figures_leave_disturbed_runs_out_of_the_time() -> None:
    runs = [
        Run("cold", 200.0, 70, 0, "reconciled"),
        Run("busy", 150.0, 75, 0, "reconciled"),
        Run("plain", 60.0, 60, 0, "reconciled"),
        Run("plain", 80.0, 60, 1, "does not reconcile"),
    ]

    assert figures(runs) == {"runs": 4, "failed": 1, "lines": 75, "cold_s": 200.0, "warm_s": 70.0}
