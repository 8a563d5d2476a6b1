"""The commands' exit statuses and what they print, over what the engine says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fanout_tools.cli import compare, doctor, logs, status, tail, tune
from fanout_tools.cli.app import application, run
from fanout_tools.operate.sources.depths import Depth
from fanout_tools.operate.sources.functions import Mapped
from fanout_tools.operate.sources.logs import Line
from fanout_tools.operate.topology import Place
from fanout_tools.operate.views.health import Symptoms
from fanout_tools.operate.views.overview import Facts, Overview, overview
from fanout_tools.operate.views.tuning import Report, dumped
from tests.unit.fanout_tools.operate.conftest import deployment

EMULATOR = Place("000000000000", "us-east-1", endpoint="http://127.0.0.1:1")
TOPOLOGY = deployment("billing", "audit", place=EMULATOR)
RUNNER = CliRunner()


@pytest.fixture(autouse=True)
def _topology(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (compare, doctor, logs, status, tail, tune):
        monkeypatch.setattr(module, "topology_of", lambda *_: TOPOLOGY)


def page(**held: int) -> Overview:
    """All is well but for so many messages in DLQs."""
    workers = TOPOLOGY.workers.values()
    depths: dict[str, Depth | None] = {it.queue_url: Depth() for it in workers}
    depths |= {it.dead_letter_queue_url: Depth(held.get(it.name, 0)) for it in workers}
    return overview(TOPOLOGY, workers, Facts(depths, {"billing": {"handled": 90}}), 900.0)


def seen(monkeypatch: pytest.MonkeyPatch, *pages: Overview) -> None:
    left = list(pages)

    async def look(*_: Any) -> Overview:
        return left.pop(0)

    monkeypatch.setattr(status, "look", look)


def test_status_ends_with_4_when_something_is_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    seen(monkeypatch, page(billing=3))
    done = RUNNER.invoke(application(), ["status"])

    assert done.exit_code == 4
    assert "! billing: 3 in its DLQ: fanout dlq group billing" in done.stdout


def test_status_ends_with_0_when_nothing_is(monkeypatch: pytest.MonkeyPatch) -> None:
    seen(monkeypatch, page())
    done = RUNNER.invoke(application(), ["status"])

    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1] == "nothing is stuck"


def test_status_in_json_has_an_object_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    seen(monkeypatch, page(audit=1))
    rows = list(map(json.loads, RUNNER.invoke(application(), ["status", "--json"]).stdout.splitlines()))

    assert {row["worker"]: row["dead"] for row in rows} == {"audit": 1, "billing": 0}


def test_status_watches_until_it_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN --watch WHEN interrupted after the second look THEN both are printed, and the exit status is 130."""
    seen(monkeypatch, page(), page(billing=1))
    pauses = iter([None, KeyboardInterrupt])

    def sleep(_: float) -> None:
        if (error := next(pauses)) is not None:
            raise error

    monkeypatch.setattr("time.sleep", sleep)
    done = RUNNER.invoke(application(), ["status", "--watch"])

    assert done.exit_code == 130
    assert ["nothing is stuck" in done.stdout, "1 in its DLQ" in done.stdout] == [True, True]


@pytest.mark.parametrize("since", ["15", "0m", "m", "1w"])
def test_a_time_that_is_none_is_wrong_usage(since: str) -> None:
    assert run(["status", "--since", since]) == 2


def test_top_shows_the_worst_first(monkeypatch: pytest.MonkeyPatch) -> None:
    seen(monkeypatch, page(audit=1, billing=5))
    done = RUNNER.invoke(application(), ["top", "--by", "dead", "--lines", "1"])

    assert done.exit_code == 0
    assert [line.split("\t")[0] for line in done.stdout.splitlines()[:2]] == ["worker", "billing"]


def lines(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, *told: Line) -> None:
    async def answer(*_: Any) -> list[Line]:
        return list(told)

    monkeypatch.setattr(module, name, answer)


def line(**fields: Any) -> Line:
    return Line.read("billing", 1_800_000_000_000, json.dumps(fields))


FAILED = line(level="ERROR", message="retried: [no]", outcome="retried", error_type="KeyError", error_at="handler.py:4")


def test_logs_print_causes_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    lines(monkeypatch, logs, "lines_of_worker", FAILED)
    done = RUNNER.invoke(application(), ["logs", "billing", "--errors"])

    assert done.exit_code == 0
    assert done.stdout.rstrip().endswith("ERROR    retried: [no]  [KeyError handler.py:4]")


def test_logs_of_nothing_end_with_3_and_the_nearest_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    lines(monkeypatch, logs, "lines_about")
    done = RUNNER.invoke(application(), ["logs", "biling"])

    assert done.exit_code == 3
    assert "did you mean billing" in done.stderr


def test_compare_ends_with_4_when_the_newer_version_is_worse(monkeypatch: pytest.MonkeyPatch) -> None:
    batches = [line(received=1, handled=1, batch_ms=100.0, function_version=version) for version in ("1", "2")]
    failed = Line.read("billing", 1_800_000_000_001, json.dumps({**FAILED.fields, "function_version": "2"}))
    lines(monkeypatch, compare, "lines_of_versions", batches[0], batches[1], failed)
    done = RUNNER.invoke(application(), ["compare", "billing"])

    assert done.exit_code == 4
    assert "! new cause, 1 times: KeyError handler.py:4" in done.stdout


def test_compare_wants_both_versions_or_none() -> None:
    assert RUNNER.invoke(application(), ["compare", "billing", "1"]).exit_code == 2


@pytest.mark.parametrize(("skew_s", "code"), [(0.0, 0), (-400.0, 4)])
def test_doctor_ends_with_4_when_a_check_is_bad(skew_s: float, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    workers = TOPOLOGY.workers.values()
    symptoms = Symptoms(
        caller="ann",
        skew_s=skew_s,
        now=0.0,
        depths={url: Depth() for it in workers for url in (it.queue_url, it.dead_letter_queue_url)},
        mapped={it.name: Mapped("Enabled", 0.0) for it in workers},
        ages_s=None,
        leftovers=[],
        subscribers=0,
    )

    async def measure(_: Any) -> Symptoms:
        return symptoms

    monkeypatch.setattr(doctor, "measure", measure)
    assert RUNNER.invoke(application(), ["doctor", "--json"]).exit_code == code


def test_tail_of_everything_is_refused_beyond_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "sweep", lambda *_: ["shop-prod-tail-1"])
    done = RUNNER.invoke(application(), ["tail", "--env", "prod"])

    assert done.exit_code == 5
    assert "shop-prod-tail-1 was left of a command that did not end" in done.stderr


SPAN = ["e-1", None, "shop.orders/OrderPlaced", "o-1", 1, 2, 3, 4.0, 1, 1, "handled"]


def following(monkeypatch: pytest.MonkeyPatch, module: Any, *looks: list[Line]) -> None:
    """What the log tells at each look, until Ctrl-C."""

    def polled(_: Any, __: float) -> Iterator[Sequence[Line]]:
        yield from looks
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "polled", polled)


def test_logs_are_followed_until_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    following(monkeypatch, logs, [FAILED], [], [line(level="INFO", message="well again")])
    done = RUNNER.invoke(application(), ["logs", "billing", "--follow", "--json"])

    assert done.exit_code == 130
    assert [json.loads(it)["text"] for it in done.stdout.splitlines()] == ["retried: [no]", "well again"]
    assert RUNNER.invoke(application(), ["logs", "biling", "--follow"]).exit_code == 1


def test_outcomes_are_followed_on_an_emulator_too(monkeypatch: pytest.MonkeyPatch) -> None:
    other = [*SPAN[:2], "shop.orders/OrderCancelled", *SPAN[3:]]
    following(monkeypatch, tail, [], [line(received=2, spans=[SPAN, other])], [line(received=1, spans=[SPAN])])
    done = RUNNER.invoke(application(), ["tail", "shop.orders/OrderPlaced", "--outcomes", "--json", "--count", "2"])

    assert done.exit_code == 0
    assert [json.loads(it)["outcome"] for it in done.stdout.splitlines()] == ["handled", "handled"]
    assert "an emulator has no Live Tail: the logs of billing, audit are read every 2 s" in done.stderr


@pytest.mark.parametrize(("about", "problem"), [("{}", "logs know no patterns"), ("biling", "did you mean billing")])
def test_outcomes_of_what_no_log_knows(about: str, problem: str) -> None:
    done = RUNNER.invoke(application(), ["tail", about, "--outcomes"])

    assert done.exit_code != 0
    assert problem in f"{done.output} {done.exception}"


def test_outcomes_on_aws_come_from_live_tail_of_ten_workers_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place("123456789012", "eu-central-1")
    many = deployment(*(f"w{number}" for number in range(11)), place=place)
    monkeypatch.setattr(tail, "topology_of", lambda *_: many)
    monkeypatch.setattr("fanout.aws.client", lambda _: None)
    monkeypatch.setattr(tail, "live", lambda *_, **__: iter([[line(received=1, spans=[SPAN])]]))

    refused = RUNNER.invoke(application(), ["tail", "*", "--outcomes", "--env", "prod"])
    done = RUNNER.invoke(application(), ["tail", "w1", "--outcomes", "--env", "prod"])

    assert refused.exit_code == 5
    assert "takes 1 to 10 log groups, these are 11" in refused.stderr
    assert done.exit_code == 0
    assert "shop.orders/OrderPlaced o-1, handled" in done.stdout


DECLARED = "description: It works\nsubscribes:\n  - event: shop.orders/OrderPlaced\nfunction:\n  memory_mb: 256\n"


def test_tune_chooses_by_recorded_reports_draws_and_writes(tmp_path: Path) -> None:
    """GIVEN reports that were recorded on AWS WHEN tuned THEN the curve is shown and drawn, and worker.yaml has the
    choice; no function is asked for."""
    worker = tmp_path / "billing" / "worker.yaml"
    worker.parent.mkdir()
    worker.write_text(DECLARED)
    recorded, picture = tmp_path / "reports.jsonl", tmp_path / "curve.svg"
    recorded.write_text(dumped(Report(10, memory, 40_000 / memory, 40_000 // memory, 80) for memory in (128, 512)))

    arguments = ["--reports", str(recorded), "--svg", str(picture), "--services", str(tmp_path), "--strategy", "speed"]
    done = RUNNER.invoke(application(), ["tune", "billing", *arguments, "--write"])

    assert done.exit_code == 0, done.stderr
    assert "512 MB" in next(text for text in done.stdout.splitlines() if "chosen" in text)
    assert picture.read_text().startswith("<svg")
    assert worker.read_text() == DECLARED.replace("256", "512") + "batch:\n  size: 10\n"
    assert RUNNER.invoke(application(), ["tune", "nobody", *arguments]).exit_code == 3


@pytest.mark.parametrize("more", [[], ["--record", "reports.jsonl", "--confirm", "audit"]])
def test_tune_is_refused_on_an_emulator_or_without_the_workers_name(
    more: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.fanout]\n")
    (tmp_path / "events.jsonl").write_text("{}\n")
    monkeypatch.chdir(tmp_path)

    done = RUNNER.invoke(application(), ["tune", "billing", "--from", "events.jsonl", *more])
    assert done.exit_code == 5
    assert not (tmp_path / "reports.jsonl").exists()


def test_tune_says_what_it_would_do(tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    events.write_text("{}\n")
    done = RUNNER.invoke(
        application(), ["tune", "billing", "--from", str(events), "--memories", "128,256", "--dry-run"]
    )

    assert (done.exit_code, "44 invocations" in done.stderr) == (0, True)
