"""Fuzzing by atheris, with something in its place that runs what it is given."""

import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from scripts.fuzz import guided, guided_target
from scripts.fuzz.front_bytes import Front
from scripts.fuzz.tally import Tally
from tests.unit.fanout_router.wire.support import Clock

Mutator = Callable[[bytes, int, int], bytes]


class FakeAtheris(SimpleNamespace):
    """Tries some inputs."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.inputs = inputs
        self.options: list[str] = []

    def instrument_imports(self, include: list[str]) -> nullcontext[None]:
        return nullcontext()

    def Setup(self, options: list[str], one: Callable[[bytes], None], *, custom_mutator: Mutator) -> None:  # noqa: N802
        self.options, self.one, self.mutator = options, one, custom_mutator

    def Mutate(self, data: bytes, largest: int) -> bytes:  # noqa: N802
        return (data + b"!")[:largest]

    def Fuzz(self) -> None:  # noqa: N802
        for number in range(self.inputs):
            self.one(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number)


def fake(monkeypatch: pytest.MonkeyPatch, inputs: int) -> FakeAtheris:
    atheris = FakeAtheris(inputs)
    monkeypatch.setitem(sys.modules, "atheris", atheris)
    return atheris


def test_the_alarm_is_left_to_libfuzzer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # GIVEN a process whose alarm is set, and what an input finds of it
    fake(monkeypatch, 3)
    found: list[object] = []

    def look(*_: object) -> None:
        found.append((signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)[0] > 1_000))

    monkeypatch.setattr(Front, "check", look)
    before = signal.getsignal(signal.SIGALRM), True
    timer = signal.setitimer(signal.ITIMER_REAL, 5_000)
    # WHEN inputs are tried
    try:
        guided_target.main(["front", str(tmp_path / "front")])
    # THEN it is as it was
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
    assert found == [before] * 3


def test_an_input_that_breaks_ends_the_run_and_is_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a 7")

    fake(monkeypatch, 5)
    monkeypatch.setattr(Front, "check", refuse)
    with pytest.raises(AssertionError, match="a 7"):
        guided_target.main(["front", str(tmp_path / "front")])
    assert Tally(tmp_path / "front.json").inputs == 1


def test_a_corpus_begins_with_inputs_by_grammar_and_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    atheris = fake(monkeypatch, 0)
    corpus = tmp_path / "front"
    guided_target.main(["front", str(corpus), "-runs=5"])
    drawn = {path.name: path.read_bytes() for path in corpus.iterdir()}
    assert any(b" HTTP/1.1\r\nHost: a\r\n" in data for data in drawn.values())
    assert atheris.options == ["guided", "-runs=5", str(corpus)]
    next(corpus.iterdir()).unlink()
    guided_target.main(["front", str(corpus)])
    assert len(list(corpus.iterdir())) == len(drawn) - 1


def test_inputs_are_changed_by_grammar_and_by_libfuzzer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    atheris = fake(monkeypatch, 0)
    guided_target.main(["front", str(tmp_path / "front")])
    assert atheris.mutator(b"GET", 10, 2) == b"GET!"
    by_grammar = [atheris.mutator(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 9, 100, seed) for seed in (1, 3, 5)]
    assert len(set(by_grammar)) > 1
    assert max(map(len, by_grammar)) <= 100


def test_counts_add_up_over_runs(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "front.json"
    for _ in range(2):
        tally = Tally(path, clock)
        for _ in range(1_600):
            clock.now += 0.01
            tally.add()
    # a second's worth may be missing of each run, for a fuzzer's process ends without ado
    found = Tally(path, clock)
    assert 2 * 1_450 < found.inputs < 2 * 1_600
    assert found.seconds == pytest.approx(found.inputs / 100, rel=0.01)


def test_each_target_has_its_turn_and_broken_ones_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # GIVEN runs that try ten inputs each, take their time, and break one of the second target
    monkeypatch.chdir(tmp_path)
    clock = Clock()
    monkeypatch.setattr("scripts.fuzz.guided.time.monotonic", clock)

    def run(command: list[str], *, check: bool) -> "subprocess.CompletedProcess[str]":
        assert not check
        name, corpus = command[3:5]
        (seconds,) = (int(option.removeprefix("-max_total_time=")) for option in command if "total_time" in option)
        Path(corpus).mkdir(parents=True, exist_ok=True)
        tally = Tally(Path(f"{corpus}.json"), clock)
        tally.inputs += 10
        clock.now += seconds
        tally.save()
        return subprocess.CompletedProcess(command, 77 if name == "front-early" else 0)

    monkeypatch.setattr("scripts.fuzz.guided.subprocess.run", run)
    # WHEN two targets are fuzzed for nine minutes, in turns of four
    code = guided.main(["--minutes", "9", "--target", "front", "--target", "front-early"])
    # THEN the third turn is a short one, and all are counted
    said = capsys.readouterr().out
    assert code == 1
    assert "front-early: libFuzzer ended with 77; see build/fuzz/front-early-*" in said
    assert said.splitlines()[-3:] == [
        "front                   20 inputs in      300 s",
        "front-early             10 inputs in      240 s",
        "all                     30",
    ]
