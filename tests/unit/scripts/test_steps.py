"""Steps: what ran, what was left out, what each took."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts import steps
from scripts.steps import Step

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a step of Python with these inputs, with its logs out of others' way; returns its outcome."""
    monkeypatch.setattr(steps, "HOME", tmp_path / "home")
    monkeypatch.delenv("CI", raising=False)

    def run(code: str = "", *inputs: Path, versions: str = "1", name: str = "a step") -> str:
        command = [sys.executable, "-c", code]
        [done] = steps.run([Step(name, command, inputs=inputs, versions=versions)])
        return done.outcome

    return run


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A folder of inputs."""
    folder = tmp_path / "module"
    folder.mkdir()
    (folder / "main.tf").write_text("one")
    return folder


def test_a_failed_step_shows_its_output(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """GIVEN a step that fails WHEN run THEN what it has written is shown; that of one that passes is not."""
    assert run("print('why')\nraise SystemExit(3)") == "failed"
    assert run("print('quiet')", name="another") == "passed"

    out = capsys.readouterr().out
    assert "why\n" in out
    assert "quiet" not in out


def test_a_failed_step_does_not_stop_the_others(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """GIVEN a failed step before one that passes WHEN both run THEN the table has both, and the exit code is 1."""
    done = steps.run([Step(str(code), [sys.executable, "-c", f"raise SystemExit({code})"]) for code in (1, 0)])

    assert steps.report(done) == 1
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()[-2:]] == [
        ["1", "failed"],
        ["0", "passed"],
    ]
    assert steps.report(done[1:]) == 0


@pytest.mark.usefixtures("run")
def test_the_cpu_time_of_processes_that_were_waited_for_counts() -> None:
    """GIVEN a step that computes WHEN it has run THEN its CPU time and its wall time are told."""
    [done] = steps.run([Step("busy", [sys.executable, "-c", "sum(range(10**6))"])])

    assert done.cpu_s > 0
    assert done.wall_s > 0


def test_a_step_runs_again_only_when_an_input_has_changed(run: Run, module: Path) -> None:
    """GIVEN a step that has passed WHEN its inputs stay THEN it is left out; WHEN a file, the versions of its programs
    or the command change THEN it runs; what its own run leaves among the inputs does not count."""
    assert [run("", module), run("", module)] == ["passed", "unchanged"]

    (module / ".terraform").mkdir()
    (module / ".terraform" / "lock").touch()
    assert run("", module) == "unchanged"

    (module / "main.tf").write_text("two")
    assert [run("", module), run("", module)] == ["passed", "unchanged"]
    (module / "more.tf").touch()
    assert run("", module) == "passed"
    assert run("", module, versions="2") == "passed"
    assert run("pass", module, versions="2") == "passed"


def test_a_step_that_has_failed_runs_again(run: Run, module: Path) -> None:
    """GIVEN a step that has passed, and then fails WHEN its inputs are as when it passed THEN it runs."""
    fails = f"import pathlib; raise SystemExit('bad' in pathlib.Path({str(module / 'main.tf')!r}).read_text())"
    assert run(fails, module) == "passed"
    (module / "main.tf").write_text("bad")
    assert [run(fails, module), run(fails, module)] == ["failed", "failed"]
    (module / "main.tf").write_text("one")
    assert run(fails, module) == "passed"


def test_in_ci_every_step_runs(run: Run, module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN a step that has passed WHEN CI is set THEN it runs all the same; so does one without inputs anywhere."""
    assert run("", module) == "passed"
    monkeypatch.setenv("CI", "1")
    assert run("", module) == "passed"
    monkeypatch.delenv("CI")
    assert [run(), run()] == ["passed", "passed"]
