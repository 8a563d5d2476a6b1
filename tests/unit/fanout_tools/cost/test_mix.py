"""What a mix file says, and what is wrong with a bad one."""

import json
from pathlib import Path

import pytest

from fanout_tools.cost.mix import EventMix, Mix, MixError, WorkerMix, benchmarked, durations, logged, traffic


def _file(folder: Path, text: str) -> Path:
    path = folder / "mix.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_mix_is_read(tmp_path: Path) -> None:
    text = "record_ms: 30\nevents: { a/B: { share: 3, bytes: 900 } }\nworkers: { billing: { batch_ms: 5 } }\n"

    mix = Mix.read(_file(tmp_path, text))

    assert mix.events["a/B"] == EventMix(share=3, bytes=900)
    assert (mix.worker("billing").batch_ms, mix.worker("billing").record_ms) == (5, 30)
    assert mix.worker("other") == WorkerMix(batch_ms=15, record_ms=30)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("retries: -1", "retries: Input should be greater than or equal to 0"),
        ("duplicates: 2", "duplicates: Input should be less than or equal to 1"),
        ("record_ms: .inf", "record_ms: Input should be a finite number"),
        ("colour: red", "colour: Extra inputs are not permitted"),
        ("events: { a/B: { share: .nan } }", "events.a/B.share: Input should be a finite number"),
        ("workers: { w: { batch_fill: 0 } }", "workers.w.batch_fill: Input should be greater than or equal to 1"),
        ("[1", "not YAML; fix its syntax"),
        ("- 1", "the file: Input should be"),
    ],
)
def test_a_bad_mix_is_told_by_its_key(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(MixError, match=r"mix\.yaml: ") as caught:
        Mix.read(_file(tmp_path, text))

    assert told in str(caught.value)


def test_a_mix_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(MixError, match=r"nowhere\.yaml: cannot be read"):
        Mix.read(tmp_path / "nowhere.yaml")


def test_names_that_nothing_has_are_refused() -> None:
    with pytest.raises(MixError, match=r"events\.a/X: there is none in the plan; write one of a/B"):
        Mix(events={"a/X": EventMix()}).hold(["a/B"], ["w"])
    with pytest.raises(MixError, match=r"workers\.v: there is none in the plan; write one of w"):
        Mix(workers={"v": WorkerMix()}).hold(["a/B"], ["w"])


def test_events_come_alike_unless_the_mix_names_some() -> None:
    alike = traffic(Mix(), ["a/B", "a/C"], 100, {"a/B": 700})
    named = traffic(Mix(events={"a/B": EventMix(share=3), "a/C": EventMix(bytes=5)}), ["a/B", "a/C", "a/D"], 100, {})

    assert (alike.events, alike.bytes) == ({"a/B": 50, "a/C": 50}, {"a/B": 700, "a/C": 1_024})
    assert (named.events, named.bytes) == ({"a/B": 75, "a/C": 25}, {"a/B": 1_024, "a/C": 5})


def test_shares_have_to_be_of_something() -> None:
    with pytest.raises(MixError, match="every share is 0"):
        traffic(Mix(events={"a/B": EventMix(share=0)}), ["a/B"], 100, {})


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
