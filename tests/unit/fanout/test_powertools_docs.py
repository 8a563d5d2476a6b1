"""Every snippet of docs/how-to/use-powertools.md, run as it stands as a worker's handler.py."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from fanout_tools.declarations.worker import Manifest

ROOT = Path(__file__).parents[3]
DOC = (ROOT / "docs" / "how-to" / "use-powertools.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", DOC, flags=re.S)
SUBSCRIBES = {"description": "A", "subscribes": [{"event": "shop.orders/OrderPlaced"}]}

CONTRACT = """
from decimal import Decimal
from pydantic import BaseModel
from fanout import Event

class Money(BaseModel):
    amount: Decimal

class OrderPlaced(Event, source="shop.orders", version=1):
    order_id: str
    email: str
    total: Money
"""
"""What the document's snippets import; the sample shop may be gone."""

PROGRAM = """
import runpy
from types import SimpleNamespace
import boto3
from moto import mock_aws
from contracts.orders import OrderPlaced
from fanout.testing import Rig, eventbridge_event, record_of

ORDER = OrderPlaced(order_id="o-1", email="ann@shop.example", total={"amount": "25.99"})
context = SimpleNamespace(aws_request_id="request-1", get_remaining_time_in_millis=lambda: 30_000)

def message(record):
    return {
        "messageId": record.message_id, "receiptHandle": record.receipt_handle, "body": record.body,
        "eventSource": "aws:sqs", "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1"},
    }

with mock_aws():
    boto3.client("dynamodb").create_table(
        TableName="idempotency", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}], BillingMode="PAY_PER_REQUEST",
    )
    module = runpy.run_path("services/probe/handler.py")
    worker = module["worker"]
    worker.__dict__["_processor"] = Rig(worker).processor
    failed = module["handler"]({"Records": [message(record_of(ORDER)), message(record_of(ORDER))]}, context)
    assert failed == {"batchItemFailures": []}, failed
"""
ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "FANOUT_IDEMPOTENCY_TABLE": "idempotency",
    # As terraform/modules/worker sets them.
    "POWERTOOLS_SERVICE_NAME": "probe",
    "POWERTOOLS_METRICS_NAMESPACE": "fanout",
}


def lines_of(snippet: str, folder: Path) -> list[dict[str, Any]]:
    """The lines that a batch of one order under two event ids writes."""
    worker = folder / "services" / "probe"
    worker.mkdir(parents=True)
    (worker / "worker.yaml").write_text(yaml.safe_dump(SUBSCRIBES))
    (worker / "handler.py").write_text(snippet)
    (folder / "contracts").mkdir()
    (folder / "contracts" / "__init__.py").touch()
    (folder / "contracts" / "orders.py").write_text(CONTRACT)
    path = f"import sys; sys.path[:0] = [{str(folder)!r}, {str(ROOT / 'shared')!r}]\n"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", path + PROGRAM],
        capture_output=True, text=True, check=False, cwd=folder, env=ENVIRONMENT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def values(lines: list[dict[str, Any]], name: str) -> list[Any]:
    return [line[name] for line in lines if name in line]


def test_there_are_three_snippets() -> None:
    """GIVEN the document WHEN a snippet is added THEN it needs a test below."""
    assert len(SNIPPETS) == 3


def test_the_declaration_is_taken() -> None:
    """GIVEN the document's key WHEN a worker declares it THEN the manifest takes it."""
    [declared] = re.findall(r"```yaml\n(.*?)```", DOC, flags=re.S)
    assert Manifest.parse({**SUBSCRIBES, **yaml.safe_load(declared)}, file="worker.yaml").powertools


def test_logger_and_metrics(tmp_path: Path) -> None:
    """GIVEN the first snippet WHEN a batch comes THEN each log line is there once, with its record's ids, and the
    metric once."""
    lines = lines_of(SNIPPETS[0], tmp_path)

    billed = [line for line in lines if line.get("message") == "billed"]
    assert [(line["order_id"], line["service"], line["location"].split(":")[0]) for line in billed] == [
        ("o-1", "probe", "bill")
    ] * 2
    fields = {"event_id", "correlation_id", "receive_count", "event", "message_id", "function_request_id"}
    assert all(fields <= line.keys() for line in billed)
    assert len({line["event_id"] for line in billed}) == 2
    assert values(lines, "OrdersBilled") == [[1.0, 1.0]]


def test_the_workers_own_metrics(tmp_path: Path) -> None:
    """GIVEN the second snippet WHEN a batch comes THEN one line has its metrics."""
    lines = lines_of(SNIPPETS[1], tmp_path)

    [line] = [line for line in lines if "OrdersBilled" in line]
    assert (line["OrdersBilled"], line["AmountBilled"], line["worker"]) == ([2], [25.99, 25.99], "probe")


def test_an_inner_effect(tmp_path: Path) -> None:
    """GIVEN the third snippet WHEN one order comes under two event ids THEN both are handled, and its e-mail goes
    once."""
    lines = lines_of(SNIPPETS[2], tmp_path)

    assert values(lines, "sent") == ["o-1"]
    assert values(lines, "handled") == [2]


@pytest.mark.parametrize("utility", ["Tracer", "parameters", "feature_flags", "BatchProcessor", "circuit_breaker"])
def test_what_maps_to_what_names_each_utility(utility: str) -> None:
    assert f"`{utility}`" in DOC
