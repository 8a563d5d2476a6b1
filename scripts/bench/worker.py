"""What the worker core costs for a record, beside the same handler on AWS Lambda Powertools.

Both take the same SQS batches of ten orders, read and validate each with the same pydantic contract, make sure by an
idempotency store in memory that it is handled once, and log one line from the handler. Powertools is used as its
documentation shows: BatchProcessor, parser, idempotent_function, Logger. Then the DynamoDB calls of one batch are
counted on both sides, with the stores of production over a client that only counts; and a batch is timed on both sides
with those stores on MiniStack, where the calls are what takes the time.
"""

from __future__ import annotations

import io
import json
import logging
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "bench")
os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")
os.environ.setdefault("AWS_ACCESS_KEY_ID", "test")
os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "test")

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.idempotency import (
    BasePersistenceLayer,
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyItemNotFoundError
from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import DataRecord
from aws_lambda_powertools.utilities.parser import BaseModel, parse

from fanout import Context, Worker, powertools, telemetry
from fanout.idempotency import DynamoDBStore
from fanout.idempotency.client import LeanDynamoDB
from fanout.idempotency.memory import MemoryStore
from fanout.publish import wrap
from fanout.testing import Rig, eventbridge_event
from fanout_tools import emulators
from scripts.bench.orders import Money, OrderLine, OrderPlaced
from scripts.bench.support import Row, cpu_seconds_per_operation, format_table, machine, write_results
from scripts.paths import BUILD

BATCHES = 60
RECORDS = 10
ROUNDS = 15
_numbers = count(1)


def order(number: int) -> OrderPlaced:
    return OrderPlaced(
        order_id=f"order-{number}",
        customer_id=f"customer-{number % 100}",
        email="customer@customers.example",
        placed_on="1997-01-01",
        lines=[OrderLine(sku=f"CD-{n}", quantity=n + 1) for n in range(3)],
        total=Money(amount=29.33, currency="USD"),
    )


def batch() -> dict[str, Any]:
    """A Lambda event with ten orders that nobody has seen."""
    return {
        "Records": [
            {
                "messageId": f"message-{number}",
                "receiptHandle": f"receipt-{number}",
                "body": json.dumps(eventbridge_event(wrap(order(number)))),
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": "1795000000000",
                    "SenderId": "AIDA",
                    "ApproximateFirstReceiveTimestamp": "1795000000000",
                },
                "messageAttributes": {},
                "md5OfBody": "0" * 32,
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:bench",
                "awsRegion": "eu-central-1",
            }
            for number in (next(_numbers) for _ in range(RECORDS))
        ]
    }


@dataclass(frozen=True)
class LambdaContext:
    """What both sides read of Lambda's."""

    aws_request_id: str = "52fdfc07-2182-154f-163f-5f0f9a621d72"
    function_name: str = "bench"
    function_version: str = "1"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:bench"

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


CONTEXT = LambdaContext()
Candidate = Callable[[Sequence[dict[str, Any]]], None]
"""Handles batches that its store has not seen."""


# logging has settings for the whole process, and fanout's save time: each side runs with its own.

SETTINGS = ("_logRecordFactory", "_srcfile", "logThreads", "logProcesses", "logMultiprocessing")
AS_PYTHON_SETS_IT = {name: getattr(logging, name) for name in SETTINGS}
# This process has imported Powertools for the other side; a worker that has not is what is measured.
powertools._watched.update({powertools.LOGGING, powertools.METRICS})
telemetry.configure()
AS_FANOUT_SETS_IT = {name: getattr(logging, name) for name in SETTINGS}


def set_logging(**values: Any) -> None:
    for name, value in values.items():
        setattr(logging, name, value)


# fanout.


def fanout_worker(folder: Path) -> Worker:
    (folder / "worker.yaml").write_text("description: bench\nsubscribes: [{event: sample.orders/OrderPlaced}]\n")
    worker = Worker(str(folder / "handler.py"))
    log = logging.getLogger("fanout-bench")

    @worker.handles(OrderPlaced)
    def handle(order: OrderPlaced, _: Context) -> None:
        log.info("handled", extra={"order_id": order.order_id})

    return worker


def on_fanout(worker: Worker) -> Candidate:
    store = MemoryStore()
    processor = Rig(worker, store=store).processor  # one for all batches, as a worker's process has

    def handle_all(batches: Sequence[dict[str, Any]]) -> None:
        set_logging(**AS_FANOUT_SETS_IT)
        store.clear()
        worker.__dict__["_processor"] = processor
        for event in batches:
            worker.lambda_handler(event, CONTEXT)

    return handle_all


# Powertools.


class MemoryPersistence(BasePersistenceLayer):
    """Powertools' documented way to another store: its own dictionary."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.items: dict[str, DataRecord] = {}

    def _get_record(self, idempotency_key: str) -> DataRecord:
        try:
            return self.items[idempotency_key]
        except KeyError:
            raise IdempotencyItemNotFoundError from None

    def _put_record(self, data_record: DataRecord) -> None:
        self.items[data_record.idempotency_key] = data_record

    def _update_record(self, data_record: DataRecord) -> None:
        self.items[data_record.idempotency_key] = data_record

    def _delete_record(self, data_record: DataRecord) -> None:
        self.items.pop(data_record.idempotency_key, None)


class Detail(BaseModel):
    metadata: dict[str, Any]
    data: OrderPlaced


class Delivered(BaseModel):
    """The EventBridge event in the queue's message."""

    source: str
    detail: Detail


def powertools_handler(persistence: BasePersistenceLayer) -> Callable[[dict[str, Any], LambdaContext], Any]:
    logger = Logger(service="powertools-bench", stream=sys.stdout)
    processor = BatchProcessor(event_type=EventType.SQS)
    config = IdempotencyConfig(event_key_jmespath="event_id")

    @idempotent_function(data_keyword_argument="key", persistence_store=persistence, config=config)  # type: ignore[untyped-decorator]
    def once(key: dict[str, Any], order: OrderPlaced) -> None:  # noqa: ARG001 - read by the decorator
        logger.info("handled", extra={"order_id": order.order_id})

    def handle(record: SQSRecord) -> None:
        delivered = parse(event=record.body, model=Delivered)  # type: ignore[call-overload]
        metadata = delivered.detail.metadata
        logger.append_keys(correlation_id=metadata["correlation_id"], event_id=metadata["event_id"])
        once(key={"event_id": metadata["event_id"]}, order=delivered.detail.data)

    @logger.inject_lambda_context
    def handler(event: dict[str, Any], context: LambdaContext) -> Any:
        config.register_lambda_context(context)  # type: ignore[arg-type]
        return process_partial_response(event=event, record_handler=handle, processor=processor, context=context)  # type: ignore[arg-type]

    return handler


def on_powertools(_: Worker) -> Candidate:
    persistence = MemoryPersistence()
    handler = powertools_handler(persistence)

    def handle_all(batches: Sequence[dict[str, Any]]) -> None:
        set_logging(**AS_PYTHON_SETS_IT)
        persistence.items.clear()
        for event in batches:
            handler(event, CONTEXT)

    return handle_all


# The floor: what reading a record costs without anything around it.


def on_json_and_pydantic(_: Worker) -> Candidate:
    def handle_all(batches: Sequence[dict[str, Any]]) -> None:
        for event in batches:
            for record in event["Records"]:
                OrderPlaced.model_validate(json.loads(record["body"])["detail"]["data"])

    return handle_all


# Calls.


class CountingDynamoDB:
    """Answers every call as if nothing had been there before, and counts."""

    exceptions = boto3.client("dynamodb").exceptions
    meta = boto3.client("dynamodb").meta

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    def batch_execute_statement(self, *, Statements: Sequence[Any]) -> dict[str, Any]:  # noqa: N803
        self.calls["BatchExecuteStatement"] += 1
        return {"Responses": [{} for _ in Statements]}

    def put_item(self, **_: Any) -> dict[str, Any]:
        self.calls["PutItem"] += 1
        return {}

    def update_item(self, **_: Any) -> dict[str, Any]:
        self.calls["UpdateItem"] += 1
        return {}


def calls_of_fanout(worker: Worker, event: dict[str, Any]) -> Counter[str]:
    counting: Any = CountingDynamoDB()
    store = DynamoDBStore(counting, "idempotency", ttl_s=86_400)
    worker.__dict__["_processor"] = Rig(worker, store=store).processor
    worker.lambda_handler(event, CONTEXT)
    calls: Counter[str] = counting.calls
    return calls


def calls_of_powertools(event: dict[str, Any]) -> Counter[str]:
    counting: Any = CountingDynamoDB()
    powertools_handler(DynamoDBPersistenceLayer("idempotency", boto3_client=counting))(event, CONTEXT)
    calls: Counter[str] = counting.calls
    return calls


# On an emulator.

TABLE = "bench-idempotency"
EMULATOR_ROUNDS = 25


def batch_seconds(worker: Worker) -> dict[str, float]:
    """The median wall time of a fresh batch on MiniStack, the sides in turn."""
    with emulators.running("ministack", run_dir=BUILD / "bench" / "ministack") as endpoints:
        os.environ.update(endpoints.environment())
        dynamodb = boto3.client("dynamodb")
        dynamodb.create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        lean: Any = LeanDynamoDB.from_environment()
        worker.__dict__["_processor"] = Rig(worker, store=DynamoDBStore(lean, TABLE, ttl_s=86_400)).processor
        sides = {
            "fanout": worker.lambda_handler,
            "powertools": powertools_handler(DynamoDBPersistenceLayer(TABLE, boto3_client=dynamodb)),
        }
        samples: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(EMULATOR_ROUNDS):
            for name, handler in sides.items():
                event = batch()
                began = time.perf_counter()
                handler(event, CONTEXT)
                samples[name].append(time.perf_counter() - began)
        lean.close()
    return {name: statistics.median(each) for name, each in samples.items()}


@contextmanager
def quiet() -> Iterator[None]:
    """Log lines into memory: a terminal's speed is nobody's merit."""
    real, sys.stdout = sys.stdout, io.StringIO()
    try:
        yield
    finally:
        sys.stdout = real


def timed(handle_all: Candidate, batches: Sequence[dict[str, Any]]) -> Callable[[], int]:
    def once() -> int:
        handle_all(batches)
        return BATCHES * RECORDS

    return once


def main() -> int:
    """Measure, print and write; returns the exit code."""
    candidates = {"fanout": on_fanout, "powertools": on_powertools, "json and pydantic alone": on_json_and_pydantic}
    with tempfile.TemporaryDirectory() as folder, quiet():
        worker, batches = fanout_worker(Path(folder)), [batch() for _ in range(BATCHES)]
        made = {name: timed(make(worker), batches) for name, make in candidates.items()}
        seconds = cpu_seconds_per_operation(made, ROUNDS)
        ours, theirs = calls_of_fanout(worker, batch()), calls_of_powertools(batch())
        on_emulator = batch_seconds(worker)
    rows: list[Row] = [
        {"candidate": name, "CPU us/record": each * 1e6, "x powertools": each / seconds["powertools"]}
        for name, each in seconds.items()
    ]
    figures = {
        "cpu_vs_powertools": seconds["fanout"] / seconds["powertools"],
        "cpu_us_per_record": seconds["fanout"] * 1e6,
        "dynamodb_calls_per_batch_of_10": ours.total(),
        "powertools_dynamodb_calls_per_batch_of_10": theirs.total(),
        "batch_ms_on_emulator": on_emulator["fanout"] * 1e3,
        "batch_on_emulator_vs_powertools": on_emulator["fanout"] / on_emulator["powertools"],
    }
    print(machine(), format_table(rows), sep="\n")
    print(f"DynamoDB calls per batch of 10: fanout {dict(ours)}, powertools {dict(theirs)}")
    print("a batch of 10 on MiniStack:", ", ".join(f"{name} {each * 1e3:.1f} ms" for name, each in on_emulator.items()))
    print(write_results("worker", rows, figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
