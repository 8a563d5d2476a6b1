"""``fanout trace`` and ``fanout why`` print what the views say, and end with the status that scripts ask for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fanout_tools.cli import trace as command
from fanout_tools.cli.app import run
from fanout_tools.operate.views.why import Fate

from ..operate.worlds import NOW, Bus, manifest, topology

ROOT = "80b4c862-0d0e-4d0b-a7a4-9a4f0f6f3f3e"
EVENT = "shop.orders/OrderPlaced"

Deploy = Callable[..., Bus]


@pytest.fixture
def deploy(monkeypatch: pytest.MonkeyPatch) -> Deploy:
    """Makes a deployment of two workers, in which an order had these fates."""

    def deployed(**fates: Fate) -> Bus:
        workers = {"billing": manifest(EVENT), "inventory": manifest(EVENT), "thumbnails": manifest("shop.media/Album")}
        bus = Bus(topology(workers), {(EVENT, worker): fate for worker, fate in fates.items()})
        bus.publish(EVENT, ROOT, ROOT)
        monkeypatch.setattr(command, "topology_of", lambda *_: bus.topology)
        monkeypatch.setattr(command, "Reading", lambda *_: bus)
        return bus

    return deployed


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: NOW)


def test_a_trace_is_a_tree(deploy: Deploy, capsys: pytest.CaptureFixture[str]) -> None:
    """GIVEN an order that all handled WHEN traced THEN the tree is printed, and the status is 0."""
    deploy()
    assert run(["trace", ROOT]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{EVENT}  {ROOT}")
    assert lines[-1] == "2 of 2 handled"


def test_json_is_one_object(deploy: Deploy, capsys: pytest.CaptureFixture[str]) -> None:
    """GIVEN an order that inventory may have lost WHEN traced THEN --json says so, and the status is 4."""
    deploy(inventory=Fate.LOST)
    assert run(["trace", ROOT, "--json", "--no-logs"]) == 4
    [line] = capsys.readouterr().out.splitlines()
    assert json.loads(line)["counts"] == {"handled": 1, "possibly lost": 1}


def test_what_is_not_known_is_3(deploy: Deploy, capsys: pytest.CaptureFixture[str]) -> None:
    deploy()
    assert run(["trace", "nobody"]) == 3
    assert "--event" in capsys.readouterr().err
    assert run(["why", ROOT, "bilings"]) == 3
    assert "did you mean billing?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("worker", "said", "status"),
    [
        ("billing", "billing: handled", 0),
        ("inventory", "inventory: dead: moved to the DLQ", 4),
        ("thumbnails", "thumbnails: not subscribed", 0),
    ],
)
def test_why_is_one_line(
    deploy: Deploy, capsys: pytest.CaptureFixture[str], worker: str, said: str, status: int
) -> None:
    """GIVEN an order that billing handled and inventory gave up WHEN asked why of each THEN there is one line."""
    deploy(inventory=Fate.DEAD)
    assert run(["why", ROOT, worker]) == status
    assert capsys.readouterr().out == f"{said}\n"
    assert run(["why", ROOT, worker, "--json"]) == status
    assert json.loads(capsys.readouterr().out)["worker"] == worker


def test_why_of_an_order_is_that_of_its_one_event(deploy: Deploy, capsys: pytest.CaptureFixture[str]) -> None:
    """GIVEN an order's id, which is no event's WHEN asked why THEN it is of the order's event, if there is one; of
    several the ids are told, and nothing is said of a worker."""
    bus = deploy()
    bus.publish(EVENT, "first", "order:o-1")
    assert run(["why", "order:o-1", "billing"]) == 0
    assert capsys.readouterr().out == "billing: handled\n"

    bus.publish(EVENT, "second", "order:o-1")
    assert run(["why", "order:o-1", "thumbnails"]) == 3
    error = capsys.readouterr().err
    assert "first" in error
    assert "second" in error


def test_a_watch_ends_when_nothing_is_under_way(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """GIVEN an order that inventory holds WHEN watched THEN it is looked at again until inventory has handled it;
    Ctrl-C ends it before."""
    bus = deploy(inventory=Fate.HELD)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        bus.fates = {}
        bus.publish(EVENT, ROOT, ROOT)

    monkeypatch.setattr("time.sleep", sleep)
    assert run(["trace", ROOT, "--watch"]) == 0
    assert slept == [command.WATCH_S]
    summaries = [line for line in capsys.readouterr().out.splitlines() if " of 2 handled" in line]
    assert summaries == ["1 of 2 handled; 1 held", "2 of 2 handled"]

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    deploy(inventory=Fate.HELD)
    monkeypatch.setattr("time.sleep", interrupt)
    assert run(["trace", ROOT, "--watch"]) == 130


def test_a_page_and_spans(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """GIVEN a trace WHEN a file and a collector are named THEN the one holds the page, and the other is sent the spans;
    what it refused is told."""
    deploy()
    sent: list[tuple[str, Any]] = []

    def export(url: str, body: Any) -> int:
        sent.append((url, body))
        return 1

    monkeypatch.setattr(command, "export", export)
    page = tmp_path / "trace.html"
    assert run(["trace", ROOT, "--html", str(page), "--otlp", "http://collector"]) == 0

    assert ROOT in page.read_text(encoding="utf-8")
    [(url, body)] = sent
    assert url == "http://collector"
    assert len(body["resourceSpans"]) == 3  # the publisher and two workers
    assert "1 spans refused by http://collector" in capsys.readouterr().out


def test_the_data_decide_of_filters(deploy: Deploy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """GIVEN a file with the message, and one that is none WHEN given THEN the first is taken, and the second is refused
    with the fix."""
    deploy()
    file = tmp_path / "event.json"
    metadata = {
        "event_id": ROOT, "schema_version": 1, "correlation_id": ROOT, "published_at": "2027-01-15T08:00:00.000Z",
    }  # fmt: skip
    message = {"source": "shop.orders", "detail-type": "OrderPlaced", "detail": {"metadata": metadata, "data": {}}}
    file.write_text(json.dumps(message))
    assert run(["trace", ROOT, "--data", str(file)]) == 0
    assert "published 2027-01-15 08:00:00" in capsys.readouterr().out

    file.write_text("{}")
    assert run(["trace", ROOT, "--data", str(file)]) == 1
    assert "say with --event which event the data are of" in capsys.readouterr().err
    file.write_text("{")
    assert run(["trace", ROOT, "--data", str(file)]) == 1
    assert "cannot be read as JSON" in capsys.readouterr().err
