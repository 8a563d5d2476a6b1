"""A session: reload, the terminal's lines, the outbox, preparations."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from fanout import telemetry, wrap
from fanout.events.envelope import Envelope
from fanout.events.event import contract_of
from fanout_tools.dev.history import History
from fanout_tools.dev.local import Local
from fanout_tools.dev.session import Session, session_of
from fanout_tools.dev.terminal import Terminal
from fanout_tools.project import Project
from tests.unit.fanout_tools.dev.conftest import STOCK_PY, Clock, write

OUTBOXED = """
description: Write an event in a transaction
subscribes: [{ event: dev.reports/Part }]
publishes: [dev.billing/Billed]
outbox: true
"""

OUTBOXED_PY = """
from devcontracts.orders import Billed, Part
from fanout import Context, Worker, outbox

worker = Worker(__file__)


@worker.handles(Part)
def write(part: Part, context: Context) -> None:
    context.commit([outbox.put(context.wrap(Billed(order_id="1")))])


handler = worker.lambda_handler
"""


class Screen:
    """What the terminal shows."""

    def __init__(self, clock: Clock) -> None:
        self.history, self._text = History(), io.StringIO()
        self.terminal = Terminal(Console(file=self._text, width=300, highlight=False), self.history, clock)

    @property
    def lines(self) -> list[str]:
        """Without their times, in order."""
        return [line[14:].rstrip() for line in self._text.getvalue().splitlines()]


def event(name: str, **data: object) -> Envelope:
    return wrap(contract_of(name).from_input(data))


@pytest.fixture
def screen(clock: Clock) -> Screen:
    return Screen(clock)


@pytest.fixture
def session(project: Project, clock: Clock, screen: Screen) -> Iterator[Session]:
    local = Local(project, screen.terminal, clock)
    screen.terminal.queue_of = lambda name: local.workers[name].queue
    with session_of(local, screen.history) as made:
        yield made


def test_saved_code_runs_with_the_next_event(session: Session, project: Project, clock: Clock, screen: Screen) -> None:
    session.begin()
    (project.services / "stock" / "handler.py").write_text(
        STOCK_PY.replace("no such article", "what is that?"), encoding="utf-8"
    )
    session.reload()
    session.publish(event("dev.orders/Ordered", order_id="unknown"))
    session.settle(clock.advance)
    assert any(it.startswith("dev            runs stock (") for it in screen.lines)
    assert any("rejected  Ordered" in it and "what is that?  (in the DLQ)" in it for it in screen.lines)


def test_the_terminal_tells_of_events_records_and_when_they_come_again(
    session: Session, clock: Clock, screen: Screen
) -> None:
    session.begin()
    sent = event("dev.orders/Ordered", order_id="busy", total=1)
    session.publish(sent)
    session.step()
    short = sent.metadata.event_id[:8]
    assert f"bus            dev.orders/Ordered {short} to audit, stock" in screen.lines
    [line] = [it for it in screen.lines if it.startswith("stock")]
    assert line.startswith(f"stock          retried   Ordered {short}")
    assert line.endswith("Retry: busy  (again in 7 s)")


def test_a_failure_nobody_expected_comes_with_its_traceback(session: Session, clock: Clock, screen: Screen) -> None:
    session.begin()
    sent = event("dev.orders/Ordered", order_id="broken", total=1)
    session.publish(sent)
    session.step()
    assert any("ValueError: cannot be" in it for it in screen.lines)
    assert not any("/fanout/processing/" in it for it in screen.lines)
    [line] = screen.history.of_event(sent.metadata.event_id)
    assert line["service"] == "stock"
    assert "Traceback" in line["exception"]
    assert line["error_at"].startswith("stock/handler.py:")
    assert screen.history.last_failure("stock") == f"retried: cannot be ({line['error_at']})"


def test_what_a_transaction_wrote_is_published(session: Session, project: Project, clock: Clock) -> None:
    write(project.services / "outboxed", OUTBOXED, OUTBOXED_PY)
    session.reload()
    session.begin()
    session.publish(event("dev.reports/Part", number=1))
    session.settle(clock.advance)
    assert [it.name for it in session.local.bus.sent] == ["dev.reports/Part", "dev.billing/Billed"]
    assert not session.step()


def test_a_seed_runs_with_the_workers_variables(session: Session, tmp_path: Path) -> None:
    seed = tmp_path / "seed.py"
    seed.write_text(
        "import os\nfrom fanout import aws\n"
        "aws.client('ssm').put_parameter(Name='/x', Value=os.environ['FANOUT_BUS'], Type='String')\n",
        encoding="utf-8",
    )
    session.begin(seed)
    from fanout import aws

    assert aws.client("ssm").get_parameter(Name="/x")["Parameter"]["Value"] == "devtest-local"


def test_it_runs_until_it_is_stopped(session: Session, clock: Clock, screen: Screen) -> None:
    session.begin()

    def elsewhere() -> None:
        session.publish(event("dev.orders/Ordered", order_id="1"))
        session.call(session.stop)

    timer = threading.Thread(target=elsewhere)
    timer.start()
    session.run()
    timer.join()
    session.step()
    assert [it for it in screen.lines if it.startswith("stock          handled")]


def test_what_a_powertools_logger_says_is_told_like_all_else(
    session: Session, project: Project, screen: Screen
) -> None:
    pytest.importorskip("aws_lambda_powertools")
    code = STOCK_PY.replace(
        "worker = Worker(__file__)",
        'import logging\nfrom aws_lambda_powertools import Logger\nlogger = Logger(service="stock")\n'
        "worker = Worker(__file__)",
    ).replace(
        "    tries.append(order.order_id)",
        '    logger.info("by Powertools", order_id=order.order_id)\n'
        '    logging.getLogger("of.stock").info("by logging")\n    tries.append(order.order_id)',
    )
    (project.services / "stock" / "handler.py").write_text(code, encoding="utf-8")
    session.begin()
    (project.services / "stock" / "handler.py").write_text(f"{code}\n# saved\n", encoding="utf-8")
    session.reload()
    sent = event("dev.orders/Ordered", order_id="1", total=1)
    session.publish(sent)
    session.step()
    said = screen.history.of_event(sent.metadata.event_id)
    assert [line["message"] for line in said] == ["by Powertools", "by logging"]
    assert said[0]["order_id"] == "1"
    assert any("INFO: by Powertools order_id=1" in it for it in screen.lines)


def test_logging_stays_as_it_is_when_a_function_would_configure_it(session: Session, screen: Screen) -> None:
    """GIVEN a running session WHEN the core configures logging, as it does once Powertools is imported THEN lines are
    heard as before."""
    session.begin()
    telemetry.configure(beside_powertools=True)
    logging.getLogger("of.stock").info("still heard")
    assert "still heard" in [line["message"] for line in screen.history.matching("still heard")]
