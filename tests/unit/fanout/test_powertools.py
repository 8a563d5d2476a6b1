"""Powertools in handlers, as its users write it, each in a process of its own: what it patches is the process's."""

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

PROGRAM = """
import logging, sys
from types import SimpleNamespace
from fanout import Worker
from fanout.testing import Rig, record_of
from tests.unit.fanout.conftest import ThingHappened
{imports}

worker = Worker({file!r})
{handler}
worker.handles(ThingHappened)(handle)
worker.__dict__["_processor"] = Rig(worker).processor
context = SimpleNamespace(aws_request_id="request-1", get_remaining_time_in_millis=lambda: 30_000)
for _ in range({batches}):
    records = [record_of(ThingHappened(number=number)) for number in range({records})]
    worker.lambda_handler({{"Records": [{{
        "messageId": r.message_id, "receiptHandle": r.receipt_handle, "body": r.body, "eventSource": "aws:sqs",
        "attributes": {{"ApproximateReceiveCount": "1", "SentTimestamp": "1"}},
    }} for r in records]}}, context)
"""


def run(tmp_path: Path, imports: str, handler: str, *, batches: int = 1, records: int = 1) -> list[dict[str, Any]]:
    """The lines that the batches wrote."""
    folder = tmp_path / "services" / "probe"
    folder.mkdir(parents=True)
    (folder / "worker.yaml").write_text("description: A\nsubscribes: [{event: test.things/ThingHappened}]\n")
    program = PROGRAM.format(
        imports=dedent(imports), handler=dedent(handler), file=str(folder / "handler.py"), batches=batches,
        records=records,
    )  # fmt: skip
    (tmp_path / "program.py").write_text(program)
    root = Path(__file__).parents[3]
    path = f"import sys; sys.path[:0] = [{str(root / 'shared')!r}, {str(root)!r}]; "
    code = path + f"exec(compile(open({str(tmp_path / 'program.py')!r}).read(), 'program.py', 'exec'))"
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


LOGGER = (
    "from aws_lambda_powertools import Logger\nlogger = Logger(service='shop')\nown = logging.getLogger('shop.own')"
)
LOGS = """
def handle(event, context):
    logger.info("told", extra={"number": event.number, "event_id": "mine"})
    own.warning("plain")
"""


def test_a_loggers_line_comes_once_with_the_records_ids(tmp_path: Path) -> None:
    """GIVEN a Logger WHEN a handler logs THEN its line comes once, with location, ids and extra; and a plain logger's
    line beside it, though its name begins like the service's."""
    lines = run(tmp_path, LOGGER, LOGS)

    [line] = [line for line in lines if line.get("message") == "told"]
    assert line["location"] == "handle:14"
    assert line["receive_count"] == 1
    assert line["correlation_id"]
    assert line["event"] == "test.things/ThingHappened"
    assert line["function_request_id"] == "request-1"
    assert (line["number"], line["event_id"], line["service"]) == (0, "mine", "shop")
    [plain] = [line for line in lines if line.get("message") == "plain"]
    assert plain["event_id"] != "mine"


METRICS = "from aws_lambda_powertools import Metrics\nmetrics = Metrics(namespace='shop', service='probe')"
COUNTS = """
def handle(event, context):
    metrics.add_metric(name="Things", unit="Count", value=1)
    if event.number == 1:
        raise ZeroDivisionError
"""


def test_metrics_are_flushed_once_a_batch(tmp_path: Path) -> None:
    """GIVEN Metrics without its decorator WHEN two batches come, with a failing record in each THEN each batch has one
    line of them."""
    lines = run(tmp_path, METRICS, COUNTS, batches=2, records=2)

    things = [line["Things"] for line in lines if "Things" in line]
    assert things == [[1.0, 1.0], [1.0, 1.0]]


def test_a_worker_without_powertools_does_not_import_it(tmp_path: Path) -> None:
    """GIVEN a worker that uses fanout alone WHEN a batch has been handled THEN Powertools has not been imported."""
    handler = """
    def handle(event, context):
        worker.metrics.count("Things")
        logging.info("loaded: %s", "aws_lambda_powertools" in sys.modules)
    """
    lines = run(tmp_path, "", handler)

    assert [line["message"] for line in lines if "message" in line] == ["loaded: False"]
    assert [line["Things"] for line in lines if "Things" in line] == [[1]]


@pytest.mark.parametrize("batches", [1, 2])
def test_a_logger_made_within_a_handler_is_one_too(tmp_path: Path, batches: int) -> None:
    """GIVEN Powertools imported within the handler WHEN it logs THEN each line comes once, from the second batch on
    with the ids."""
    handler = """
    def handle(event, context):
        from aws_lambda_powertools import Logger
        Logger(service="late").info("told")
    """
    told = [line for line in run(tmp_path, "", handler, batches=batches) if line.get("message") == "told"]

    assert len(told) == batches
    assert ["event" in line for line in told] == [False, True][:batches]
