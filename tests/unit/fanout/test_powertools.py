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


def told(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if line.get("message") == "told"]


def test_a_logger_imported_within_a_handler_is_one_too(tmp_path: Path) -> None:
    """GIVEN Powertools imported within the handler WHEN it logs THEN its first line comes once, with location and
    ids."""
    handler = """
    def handle(event, context):
        from aws_lambda_powertools import Logger
        Logger(service="late").info("told")
    """
    lines = told(run(tmp_path, "", handler, batches=2))

    assert [(line["location"], line["event"], line["service"]) for line in lines] == [
        ("handle:13", "test.things/ThingHappened", "late")
    ] * 2


def test_a_loggers_own_keys_stay(tmp_path: Path) -> None:
    """GIVEN a handler that sets a correlation id and keys of its own WHEN it logs THEN they are not replaced; and a
    Logger without a service has the worker's name."""
    handler = """
    def handle(event, context):
        logger.set_correlation_id("mine")
        logger.append_keys(event_id="own")
        with logger.append_context_keys(message_id="inner"):
            logger.info("told")
        logger.info("told")
    """
    first, second = told(run(tmp_path, "from aws_lambda_powertools import Logger\nlogger = Logger()", handler))

    assert (first["correlation_id"], first["event_id"], first["message_id"]) == ("mine", "own", "inner")
    assert (second["message_id"] != "inner", second["service"]) == (True, "probe")


def test_children_and_own_formatters_write_once(tmp_path: Path) -> None:
    """GIVEN a child Logger, and a Logger with a formatter of one's own WHEN they log THEN each line comes once."""
    imports = """
    from aws_lambda_powertools import Logger
    from aws_lambda_powertools.logging.formatter import BasePowertoolsFormatter

    class Own(BasePowertoolsFormatter):
        def append_keys(self, **keys): pass
        def clear_state(self): pass
        def format(self, record): return '{"own": "%s"}' % record.getMessage()

    parent, child = Logger(service="shop"), Logger(service="shop", child=True)
    own = Logger(service="own", logger_formatter=Own())
    """
    handler = """
    def handle(event, context):
        child.info("told")
        own.info("told too")
    """
    lines = run(tmp_path, imports, handler)

    [line] = told(lines)
    assert (line["location"].split(":")[0], line["receive_count"]) == ("handle", 1)
    assert [line["own"] for line in lines if "own" in line] == ["told too"]
    assert len(lines) == 3


def test_buffered_lines_have_their_ids(tmp_path: Path) -> None:
    """GIVEN a Logger that buffers its debug lines WHEN an error is logged THEN they come once each, with location and
    ids."""
    imports = """
    import os
    from aws_lambda_powertools import Logger
    from aws_lambda_powertools.logging.buffer import LoggerBufferConfig

    os.environ["_X_AMZN_TRACE_ID"] = "Root=1-a"
    logger = Logger(service="shop", level="DEBUG", buffer_config=LoggerBufferConfig())
    """
    handler = """
    def handle(event, context):
        logger.debug("told")
        logger.error("failed")
    """
    [line] = told(run(tmp_path, imports, handler))

    assert (line["location"].split(":")[0], line["event"]) == ("handle", "test.things/ThingHappened")


@pytest.mark.parametrize("concurrency", [1, 3])
def test_each_record_has_its_own_ids_in_threads_and_tasks(tmp_path: Path, concurrency: int) -> None:
    """GIVEN several records at once WHEN an async handler logs before and after it waits THEN each line has the ids
    of its own record."""
    handler = """
    import asyncio
    worker.settings = __import__("dataclasses").replace(worker.settings, concurrency=CONCURRENCY)

    async def handle(event, context):
        logger.info("told", extra={"expected": context.event_id})
        await asyncio.sleep(0)
        logger.info("told", extra={"expected": context.event_id})
    """.replace("CONCURRENCY", str(concurrency))
    lines = told(run(tmp_path, LOGGER, handler, records=3))

    assert len(lines) == 6
    assert all(line["event_id"] == line["expected"] for line in lines)
    assert len({line["event_id"] for line in lines}) == 3


def test_two_workers_in_a_process_write_once(tmp_path: Path) -> None:
    """GIVEN a process that configures its log again WHEN a Logger logs THEN its lines still come once, with
    location."""
    handler = """
    from fanout import telemetry

    def handle(event, context):
        telemetry.configure()
        logger.info("told")
    """
    [line] = told(run(tmp_path, LOGGER, handler))

    assert line["location"].split(":")[0] == "handle"


def test_metrics_imported_within_a_handler_are_flushed(tmp_path: Path) -> None:
    """GIVEN Powertools imported within the handler WHEN it adds metrics THEN its first batch has them already."""
    handler = """
    def handle(event, context):
        from aws_lambda_powertools import Metrics
        Metrics(namespace="shop", service="probe").add_metric(name="Things", unit="Count", value=1)
    """
    lines = run(tmp_path, "", handler, records=2)

    assert [line["Things"] for line in lines if "Things" in line] == [[1.0, 1.0]]


def test_metrics_that_cannot_be_written_fail_no_event(tmp_path: Path) -> None:
    """GIVEN Metrics without a namespace WHEN batches come THEN an error line says so, once a batch, and the batch is
    answered: its effects are not repeated."""
    handler = """
    def handle(event, context):
        metrics.add_metric(name="Things", unit="Count", value=1)
    """
    lines = run(tmp_path, "from aws_lambda_powertools import Metrics\nmetrics = Metrics()", handler, batches=2)

    errors = [line["exception_name"] for line in lines if line.get("level") == "ERROR"]
    assert errors == ["SchemaValidationError"] * 2
    assert [line["handled"] for line in lines if "handled" in line] == [1, 1]


@pytest.mark.parametrize("raises", [True, False])
def test_the_decorator_of_metrics_may_stay(tmp_path: Path, raises: bool) -> None:
    """GIVEN a function entry that its author has decorated for Powertools WHEN batches come THEN metrics are written
    once, without a warning, though the decorator finds none to write; and the Logger's decorator works too."""
    imports = f"""
    from aws_lambda_powertools import Logger, Metrics
    metrics, logger = Metrics(namespace="shop"), Logger(service="shop")

    def decorated(entry):
        context = SimpleNamespace(
            aws_request_id="request-1", function_name="f", memory_limit_in_mb=1, invoked_function_arn="arn"
        )
        entry = metrics.log_metrics(logger.inject_lambda_context(entry), raise_on_empty_metrics={raises})
        def call(event, given):
            context.get_remaining_time_in_millis = given.get_remaining_time_in_millis
            return entry(event, context)
        return call
    """
    handler = """
    def handle(event, context):
        metrics.add_metric(name="Things", unit="Count", value=1)
        logger.info("told")

    worker.lambda_handler = decorated(worker.lambda_handler)
    """
    lines = run(tmp_path, imports, handler, batches=2)

    assert [line["Things"] for line in lines if "Things" in line] == [[1.0], [1.0]]
    assert [(line["function_name"], line["event"]) for line in told(lines)] == [("f", "test.things/ThingHappened")] * 2


@pytest.mark.parametrize("kind", ["EphemeralMetrics(namespace='a')", "Metrics(namespace='a', service='b')"])
def test_several_metrics_are_each_written_once(tmp_path: Path, kind: str) -> None:
    """GIVEN two Metrics, and a single metric beside them WHEN two batches come THEN nothing is lost or written
    twice."""
    imports = f"""
    from aws_lambda_powertools import Metrics, single_metric
    from aws_lambda_powertools.metrics import EphemeralMetrics
    one, other = {kind}, {kind}
    """
    handler = """
    def handle(event, context):
        one.add_metric(name="Things", unit="Count", value=1)
        other.add_metric(name="Things", unit="Count", value=2)
        with single_metric(name="Things", unit="Count", value=4, namespace="a"):
            pass
    """
    lines = run(tmp_path, imports, handler, batches=2)

    things = [value for line in lines if "Things" in line for value in line["Things"]]
    assert sorted(things) == [1, 1, 2, 2, 4, 4]


def test_metrics_of_a_direct_invocation_are_flushed(tmp_path: Path) -> None:
    """GIVEN a function that is invoked directly, as by a workflow's step WHEN it adds metrics THEN they are written at
    the end of the invocation, also if it raises."""
    imports = "from aws_lambda_powertools import Metrics\nmetrics = Metrics(namespace='shop')"
    handler = """
    def handle(event, context):
        pass

    @worker.on_invoke
    def step(payload, context):
        metrics.add_metric(name="Steps", unit="Count", value=1)
        worker.metrics.count("StepsBegun")
        if payload["fails"]:
            raise ZeroDivisionError

    context = SimpleNamespace(aws_request_id="request-0", get_remaining_time_in_millis=lambda: 30_000)
    for fails in (False, True):
        try:
            worker.lambda_handler({"fails": fails}, context)
        except ZeroDivisionError:
            pass
    """
    lines = run(tmp_path, imports, handler)

    assert [line["Steps"] for line in lines if "Steps" in line] == [[1.0], [1.0]]
    assert [line["StepsBegun"] for line in lines if "StepsBegun" in line] == [[1], [1]]


def test_metrics_of_a_batch_that_raises_are_flushed(tmp_path: Path) -> None:
    """GIVEN a batch that fails as a whole after its handlers WHEN it raises THEN their metrics are written."""
    handler = """
    def handle(event, context):
        metrics.add_metric(name="Things", unit="Count", value=1)
        worker.metrics.count("Own")

    def fail(deliveries, *_, **__):
        raise MemoryError

    worker._report = fail
    entry = worker.lambda_handler
    def lambda_handler(event, context):
        try:
            entry(event, context)
        except MemoryError:
            pass
    worker.lambda_handler = lambda_handler
    """
    lines = run(tmp_path, METRICS, handler)

    assert [line["Things"] for line in lines if "Things" in line] == [[1.0]]
    assert [line["Own"] for line in lines if "Own" in line] == [[1]]


def test_nothing_is_watched_for_longer_than_needed(tmp_path: Path) -> None:
    """GIVEN Powertools imported with the worker's module WHEN a batch comes THEN no finder is left in the way of later
    imports."""
    handler = """
    def handle(event, context):
        logging.info("told", extra={"finders": [type(each).__module__ for each in sys.meta_path]})
    """
    [line] = told(run(tmp_path, LOGGER, handler))

    assert "fanout.powertools" not in line["finders"]
