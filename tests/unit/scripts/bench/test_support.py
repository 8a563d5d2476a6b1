"""The benchmarks' common parts; how long anything takes is never asserted."""

import gc
import json
import time
from pathlib import Path

import pytest

from scripts.bench import support as bench_support


@pytest.fixture(autouse=True)
def _no_collection(monkeypatch: pytest.MonkeyPatch) -> None:
    """To collect what all other tests have left takes a second, ten times over."""
    monkeypatch.setattr(gc, "collect", lambda: 0)


def test_candidates_take_turns_after_a_round_of_warming_up() -> None:
    # GIVEN two candidates that note their calls
    calls: list[str] = []

    def note(name: str) -> int:
        calls.append(name)
        return 10

    # WHEN they are measured over two rounds
    seconds = bench_support.cpu_seconds_per_operation({"a": lambda: note("a"), "b": lambda: note("b")}, rounds=2)
    # THEN they took turns, three times, and each has a figure
    assert calls == ["a", "b"] * 3
    assert seconds.keys() == {"a", "b"}


def test_seconds_are_the_median_per_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN a clock by which the rounds take 9 (warming up), 2, 30 and 4 seconds
    readings = iter([0, 9, 0, 2, 0, 30, 0, 4])
    monkeypatch.setattr(time, "process_time", lambda: next(readings))
    # WHEN ten operations are measured over three rounds THEN the median round counts, per operation
    assert bench_support.cpu_seconds_per_operation({"a": lambda: 10}, rounds=3) == {"a": 0.4}


def test_table_aligns_numbers_to_the_right_and_text_to_the_left() -> None:
    table = bench_support.format_table(
        [{"rules": 3_000, "name": "fanout", "us": 4.256}, {"rules": 1, "name": "m", "us": 12_345.6}]
    )
    assert table.splitlines() == [
        "rules  name        us",
        "-----  ------  ------",
        "3,000  fanout    4.26",
        "    1  m       12,346",
    ]


def test_results_are_written_with_date_and_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # WHEN results are written twice
    bench_support.write_results("demo", [], {})
    path = bench_support.write_results("demo", [{"rules": 1}], {"events_per_s": 5.0})
    # THEN the file has the last ones, under the keys that others read
    results = json.loads((tmp_path / "build/bench/demo.json").read_text())
    assert path == Path("build/bench/demo.json")
    assert results.keys() == {"name", "date", "machine", "rows", "figures"}
    assert (results["name"], results["rows"]) == ("demo", [{"rules": 1}])
    assert results["figures"] == {"events_per_s": 5.0}
    assert "Python" in results["machine"]
