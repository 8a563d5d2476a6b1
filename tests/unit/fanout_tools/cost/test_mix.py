"""What a mix file says, and what is wrong with a bad one."""

from pathlib import Path

import pytest

from fanout_tools.cost.mix import EventMix, Mix, MixError, WorkerMix, traffic


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
