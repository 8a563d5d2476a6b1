"""Durations out of logs and benchmarks."""

import json
from pathlib import Path

import pytest

from fanout_tools.cost.measured import benchmarked, durations, logged
from fanout_tools.cost.mix import Mix, MixError, WorkerMix


def _batch(records: int, milliseconds: float) -> str:
    return json.dumps({"_aws": {"Timestamp": 1}, "worker": "w", "received": records, "batch_ms": milliseconds})


def _report(milliseconds: int) -> str:
    billed = f"Duration: {milliseconds - 0.4} ms Billed Duration: {milliseconds} ms"
    return f"REPORT RequestId: 1-2 {billed} Memory Size: 256 MB"


def test_batches_of_several_sizes_tell_both_parts() -> None:
    """GIVEN batches of 10 ms and 3 ms a record WHEN read THEN so they are found."""
    found = durations([_batch(1, 13), _batch(5, 25), _batch(10, 40)])

    assert found is not None
    assert (found.batch_ms, found.record_ms) == pytest.approx((10, 3))


def test_batches_of_one_size_are_their_records() -> None:
    found = durations([_batch(10, 40), _batch(10, 60)])

    assert found is not None
    assert (found.batch_ms, found.record_ms) == pytest.approx((0, 5))


def test_what_lambda_bills_beyond_the_batch_is_the_invocations() -> None:
    found = durations([_batch(1, 13), _batch(10, 40), _report(30), _report(40)])

    assert found is not None
    assert (found.batch_ms, found.record_ms) == pytest.approx((10 + 35 - 26.5, 3))


def test_reports_alone_are_the_invocations() -> None:
    as_json = json.dumps({"type": "platform.report", "record": {"metrics": {"billedDurationMs": 50}}})
    found = durations([_report(30), f"2026-11-21T10:00:00 {as_json}", "START RequestId: 1-2", "{broken"])

    assert found is not None
    assert (found.batch_ms, found.record_ms) == (40, 0)


def test_a_log_without_invocations_tells_nothing() -> None:
    assert durations(["hello", "{}", "[1]"]) is None


def test_each_workers_log_counts_for_it(tmp_path: Path) -> None:
    (tmp_path / "billing.log").write_text(f"{_batch(1, 13)}\n{_batch(10, 40)}\n", encoding="utf-8")

    mix = logged(Mix(workers={"billing": WorkerMix(writes=2)}), tmp_path)

    assert mix.worker("billing").record_ms == pytest.approx(3)
    assert mix.worker("billing").writes == 2
    assert mix.worker("other").record_ms == Mix().record_ms


def test_a_folder_or_log_that_tells_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MixError, match="has no log: put one there for each worker"):
        logged(Mix(), tmp_path)
    (tmp_path / "billing.log").write_text("hello\n", encoding="utf-8")
    with pytest.raises(MixError, match=r"billing\.log: has neither REPORT lines nor fanout's own"):
        logged(Mix(), tmp_path)


def test_the_benchmark_is_of_batches_of_ten(tmp_path: Path) -> None:
    file = tmp_path / "worker.json"
    file.write_text('{"figures": {"batch_ms_on_emulator": 16}}')

    mix = benchmarked(Mix(), file)

    assert (mix.batch_ms, mix.record_ms) == (0, 1.6)


@pytest.mark.parametrize("text", ["{", "[]", '{"figures": {}}'])
def test_another_file_is_no_benchmark(tmp_path: Path, text: str) -> None:
    file = tmp_path / "worker.json"
    file.write_text(text)

    with pytest.raises(MixError, match="make it with `make bench-worker`"):
        benchmarked(Mix(), file)
