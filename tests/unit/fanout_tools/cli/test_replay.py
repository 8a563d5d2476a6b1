"""``fanout replay``: who gets the events is said once, and a dry run to all names whom it reaches."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from fanout_tools.cli import operating
from fanout_tools.cli.app import application
from fanout_tools.operate.topology import Place
from tests.unit.fanout_tools.operate.conftest import deployment

TOPOLOGY = deployment("billing", "audit", place=Place("000000000000", "us-east-1", endpoint="http://127.0.0.1:1"))
SPAN = ["--from", "2026-11-27T10:00", "--to", "2026-11-27T12:00", "--why", "a test"]
RUNNER = CliRunner()


@pytest.fixture(autouse=True)
def _topology(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operating, "topology_of", lambda *_: TOPOLOGY)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ([], "--worker WORKER, or --all"),
        (["--all", "--worker", "billing"], "--worker: --all replays"),
        (["--all", "--fence", "logs"], "--fence logs: --all replays"),
        (["--worker", "billing", "--again", "billing", "--fence", "logs"], "give one of them"),
        (["--all", "--rate", "20/s", "--pattern", "{}"], "--pattern, --rate: --all replays"),
    ],
)
def test_who_gets_the_events_is_said_once(given: list[str], problem: str) -> None:
    told = RUNNER.invoke(application(), ["replay", *given, *SPAN], env={"COLUMNS": "200", "TERM": "dumb"})
    assert told.exit_code == 2
    assert problem in " ".join(told.output.split())


def test_a_dry_run_to_all_names_whom_it_reaches() -> None:
    """GIVEN a time that the workers may have forgotten WHEN that is said to be right THEN nothing is called."""
    told = RUNNER.invoke(application(), ["replay", "--all", *SPAN, "--beyond-fence", "--dry-run", "--json"])
    assert told.exit_code == 0, told.output
    assert json.loads(told.output)["workers"] == ["audit", "billing"]
