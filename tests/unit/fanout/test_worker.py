"""A worker as Lambda calls it: declared, invoked with SQS records, and answering with those that failed."""

import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fanout import Context, DeclarationError, Reject, Worker, aws
from fanout.idempotency.client import LeanDynamoDB
from fanout.processing.delivery import Record
from fanout.publish import wrap
from fanout.testing import record, record_of

from .conftest import MakeWorker, ThingFollowed, ThingHappened
from .idempotency.partiql import PartiQL

VARIABLES = {
    "FANOUT_BUS": "the-bus",
    "FANOUT_QUEUE_URL": "https://sqs/queue",
    "FANOUT_DLQ_URL": "https://sqs/dlq",
    "FANOUT_IDEMPOTENCY_TABLE": "events",
}


class Call:
    """Lambda's context object."""

    aws_request_id = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


class Clients:
    """The AWS clients of the worker, in memory."""

    def __init__(self) -> None:
        self.dynamodb = PartiQL()
        self.sent: dict[str, list[Any]] = {}
        self.put: list[Any] = []

    def client(self, service: str) -> Any:
        return self.dynamodb if service == "dynamodb" else self

    def send_message_batch(self, *, QueueUrl: str, Entries: list[Any]) -> dict[str, Any]:  # noqa: N803
        self.sent.setdefault(QueueUrl, []).extend(Entries)
        return {}

    change_message_visibility_batch = send_message_batch

    def put_events(self, *, Entries: list[Any]) -> dict[str, Any]:  # noqa: N803
        self.put += Entries
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "e"} for _ in Entries]}


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clients]:
    fakes = Clients()
    monkeypatch.setattr(LeanDynamoDB, "from_environment", lambda: None)
    monkeypatch.setattr(aws, "client", fakes.client)
    for variable, value in VARIABLES.items():
        monkeypatch.setenv(variable, value)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield fakes
    root.handlers[:] = handlers
    root.setLevel(level)


def event_of(*records: Record) -> dict[str, Any]:
    """What Lambda hands to the function."""
    return {
        "Records": [
            {
                "messageId": each.message_id,
                "receiptHandle": each.receipt_handle,
                "body": each.body,
                "attributes": {
                    "ApproximateReceiveCount": str(each.receive_count),
                    "ApproximateFirstReceiveTimestamp": str(each.first_received_ms),
                },
                "eventSource": "aws:sqs",
            }
            for each in records
        ]
    }


def numbered(worker: Worker) -> Worker:
    """2 fails, 3 is rejected, 4 publishes, everything else is done."""

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, context: Context) -> None:
        if event.number == 2:
            raise ZeroDivisionError
        if event.number == 3:
            raise Reject("never")
        if event.number == 4:
            context.publish(ThingFollowed(number=4))

    return worker


def test_a_batch_end_to_end(make_worker: MakeWorker, clients: Clients, capsys: pytest.CaptureFixture[str]) -> None:
    """GIVEN a deployed worker WHEN Lambda hands it a batch THEN the failed record alone is reported, the rejected one
    is in the DLQ, the published event is on the bus, what is done is recorded, and the metrics say so."""
    worker = numbered(make_worker())
    records = [record_of(ThingHappened(number=n)) for n in (1, 2, 3, 4)]

    answer = worker.lambda_handler(event_of(*records), Call())

    assert answer == {"batchItemFailures": [{"itemIdentifier": records[1].message_id}]}
    assert [entry["ReceiptHandle"] for entry in clients.sent["https://sqs/queue"]] == [records[1].receipt_handle]
    assert [entry["MessageBody"] for entry in clients.sent["https://sqs/dlq"]] == [records[2].body]
    assert [(entry["EventBusName"], entry["DetailType"]) for entry in clients.put] == [("the-bus", "ThingFollowed")]
    statuses = sorted(item["status"]["S"] for item in clients.dynamodb.items.values())
    assert statuses == ["COMPLETED", "COMPLETED", "RELEASED", "RELEASED"]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    metrics = lines[-1]
    counts = {name: metrics[name] for name in ("received", "handled", "retried", "rejected", "duplicates")}
    assert counts == {"received": 4, "handled": 2, "retried": 1, "rejected": 1, "duplicates": 0}
    assert (metrics["worker"], metrics["cold_start"], metrics["function_request_id"]) == ("probe", True, "request-1")
    failure = next(line for line in lines if line.get("exception_name") == "ZeroDivisionError")
    assert (failure["service"], failure["message_id"]) == ("probe", records[1].message_id)
    assert failure["event"] == "test.things/ThingHappened"
    assert (failure["outcome"], failure["error_type"]) == ("retried", "ZeroDivisionError")
    assert re.fullmatch(r"fanout/test_worker\.py:\d+", failure["error_at"])
    assert [span[10] for span in metrics["spans"]] == ["handled", "retried", "rejected", "handled"]


def test_the_second_batch_is_no_cold_start_and_knows_the_first(
    make_worker: MakeWorker, clients: Clients, capsys: pytest.CaptureFixture[str]
) -> None:
    """GIVEN a warm worker WHEN the same message comes again THEN it is acknowledged as a duplicate."""
    worker = numbered(make_worker())
    message = record_of(ThingHappened(number=1))
    worker.lambda_handler(event_of(message), Call())
    capsys.readouterr()

    assert worker.lambda_handler(event_of(message), Call()) == {"batchItemFailures": []}
    metrics = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (metrics["duplicates"], metrics["cold_start"]) == (1, False)


def test_a_batch_of_ten_costs_two_calls_of_dynamodb_and_none_of_sqs(make_worker: MakeWorker, clients: Clients) -> None:
    """GIVEN ten good records WHEN handled THEN DynamoDB is called twice, and nothing is settled."""
    worker = numbered(make_worker())
    worker.lambda_handler(event_of(*(record_of(ThingHappened(number=9)) for _ in range(10))), Call())

    assert len(clients.dynamodb.calls) == 2
    assert clients.sent == {}


def test_mode_off_needs_no_table(make_worker: MakeWorker, clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN idempotency off and no table WHEN a batch comes THEN it is handled without DynamoDB."""
    monkeypatch.delenv("FANOUT_IDEMPOTENCY_TABLE")
    worker = numbered(make_worker(idempotency={"mode": "off"}))

    assert worker.lambda_handler(event_of(record_of(ThingHappened(number=1))), Call()) == {"batchItemFailures": []}
    assert clients.dynamodb.calls == []


def test_mode_lock_costs_a_write_a_record_and_one_a_batch(make_worker: MakeWorker, clients: Clients) -> None:
    """GIVEN mode claim WHEN a batch of three comes THEN each is locked, and one item records them all; another message
    of an event is a duplicate, and so is the same message."""
    worker, seen = make_worker(idempotency={"mode": "claim"}), []
    worker.handles(ThingHappened)(lambda event, context: seen.append(event.number))
    envelope = wrap(ThingHappened(number=1))
    first, second = record_of(envelope), record_of(envelope)

    others = [record_of(ThingHappened(number=number)) for number in (2, 3)]
    worker.lambda_handler(event_of(first, *others), Call())
    assert clients.dynamodb.calls == [["INSERT"] * 3, ["INSERT"]]
    worker.lambda_handler(event_of(second), Call())
    worker.lambda_handler(event_of(first), Call())
    assert seen == [1, 2, 3]


@pytest.mark.parametrize("variable", ["FANOUT_QUEUE_URL", "FANOUT_DLQ_URL", "FANOUT_IDEMPOTENCY_TABLE"])
def test_a_missing_variable_is_named_before_anything_is_done(
    make_worker: MakeWorker, clients: Clients, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """GIVEN a function deployed without a variable WHEN its first batch comes THEN it fails by the variable's name,
    and no record has been touched: else its lack would show on the first failure alone."""
    monkeypatch.delenv(variable)
    worker, seen = make_worker(), []
    worker.handles(ThingHappened)(lambda event, context: seen.append(event))

    with pytest.raises(DeclarationError, match=rf"^{variable} is not set; was the function deployed by terraform"):
        worker.lambda_handler(event_of(record_of(ThingHappened(number=1))), Call())
    assert seen == []


def test_a_keep_warm_ping_does_nothing(make_worker: MakeWorker) -> None:
    """GIVEN no environment at all WHEN a keep-warm ping comes THEN the worker answers with its name."""
    assert make_worker().lambda_handler({"fanout_heartbeat_s": 0}, None)["heartbeat"] == "probe"


@pytest.mark.parametrize(
    ("event", "what"),
    [
        ({"heartbeat": True}, "an object with the keys heartbeat"),
        ({"source": "a", "detail-type": "B", "detail": {}}, r"an EventBridge event \(a/B\)"),
        ([{"a": 1}], "a list of 1 values that are not SQS records"),
        ("text", "a str"),
        ({"Records": [{"EventSource": "aws:sns", "Sns": {}}]}, "records of aws:sns"),
        ({"Records": [{"eventSource": "aws:s3", "s3": {}}]}, "records of aws:s3"),
    ],
)
def test_what_is_not_understood_is_no_success(make_worker: MakeWorker, event: Any, what: str) -> None:
    """GIVEN no handler of direct invocations WHEN invoked with something else than a batch THEN it raises by name."""
    with pytest.raises(DeclarationError, match=what):
        make_worker().lambda_handler(event, None)


@pytest.mark.usefixtures("clients")
def test_records_of_a_pipe_are_a_batch(make_worker: MakeWorker) -> None:
    """GIVEN a list of SQS records, as EventBridge Pipes sends WHEN invoked THEN they are handled."""
    worker, seen = make_worker(), []
    worker.handles(ThingHappened)(lambda event, context: seen.append(event))
    [record] = event_of(record_of(ThingHappened(number=1)))["Records"]

    assert worker.lambda_handler([record], Call()) == {"batchItemFailures": []}
    assert seen == [ThingHappened(number=1)]


@pytest.mark.usefixtures("clients")
@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"attributes": None}, "attributes is missing"),
        ({"receiptHandle": None, "eventSource": "aws:sqs"}, "receiptHandle is missing"),
        ({"attributes": {}}, "ApproximateReceiveCount is missing"),
        ({"attributes": {"ApproximateReceiveCount": "many"}}, "'many'"),
        ({"body": {"detail": {}}}, "body is dict, not text"),
    ],
)
def test_a_record_that_is_not_as_sqs_hands_it_out_is_refused_by_name(
    make_worker: MakeWorker, changed: dict[str, Any], what: str
) -> None:
    """GIVEN a pipe that transforms its records, or a test event written by hand WHEN invoked with one THEN it raises,
    and says what is wrong with it and what to do."""
    worker = make_worker()
    worker.handles(ThingHappened)(lambda event, context: None)
    [whole] = event_of(record_of(ThingHappened(number=1)))["Records"]
    record = {name: value for name, value in {**whole, **changed}.items() if value is not None}

    for event in ([record], {"Records": [record]}):
        with pytest.raises(DeclarationError, match=f"not as SQS hands it out: .*{what}.*unchanged"):
            worker.lambda_handler(event, Call())


def test_a_keep_warm_ping_imports_no_boto3(tmp_path: Path) -> None:
    """GIVEN a fresh process WHEN a worker answers a keep-warm ping THEN neither boto3 nor YAML has been imported."""
    folder = tmp_path / "probe"
    folder.mkdir()
    declared = {
        "name": "probe",
        "subscribes": [{"event": "a/B"}],
        "idempotency": {"mode": "strict", "key": []},
        "batch": {"concurrency": 1, "record_timeout_s": None},
        "queue": {"max_receives": 5, "fifo": False, "retention_days": 4},
        "function": {"timeout_s": 30},
        "derived": {"ttl_s": 86_400, "backstop": 1_000, "visibility_s": 180},
        "retry": {"base_s": 2, "cap_s": 900},
        "gathers": False,
    }
    (folder / "worker.yaml").write_text(json.dumps(declared))
    program = (
        "import sys; from fanout import Worker; "
        f"worker = Worker({str(folder / 'handler.py')!r}); "
        "print(worker.lambda_handler({'fanout_heartbeat_s': 0}, None)['heartbeat']); "
        "print(sorted({'boto3', 'botocore', 'yaml', 'fanout_tools.declarations.worker'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines() == ["probe", "[]"]


def test_an_event_that_is_not_subscribed_to_cannot_be_handled(make_worker: MakeWorker) -> None:
    """GIVEN a worker WHEN it handles what its worker.yaml does not subscribe to THEN the error says what to add."""
    with pytest.raises(DeclarationError, match=r"^probe: handles test\.things/ThingFollowed; subscribe to it"):
        make_worker().handles(ThingFollowed)


def test_an_event_has_one_handler(make_worker: MakeWorker) -> None:
    """GIVEN a handler WHEN another is declared for its event THEN the error names the event."""
    worker = numbered(make_worker())
    with pytest.raises(DeclarationError, match=r"test\.things/ThingHappened has two handlers; keep one"):
        worker.handles(ThingHappened)


def test_a_worker_of_everything_may_handle_anything(make_worker: MakeWorker) -> None:
    """GIVEN a worker of * WHEN it handles some event THEN that is no mistake."""
    worker = make_worker(subscribes=[{"event": "*"}], via="bus")
    worker.handles(ThingFollowed)(lambda event, context: None)


def test_missing_handlers_are_told(make_worker: MakeWorker) -> None:
    """GIVEN a worker of two events that handles one WHEN asked THEN the other is missing; a handler of batches is of
    all."""
    worker = make_worker(subscribes=[{"event": "test.things/ThingHappened"}, {"event": "test.things/ThingFollowed"}])
    numbered(worker)
    assert worker.missing_handlers() == ["test.things/ThingFollowed"]

    worker.handles_batch(lambda envelopes: None)
    assert worker.missing_handlers() == []


def test_a_fifo_records_group_is_read() -> None:
    """GIVEN a FIFO queue's record WHEN read THEN it has its group; a standard queue's has none."""
    [plain] = event_of(record("b"))["Records"]
    assert Record.from_lambda(plain).group is None
    plain["attributes"]["MessageGroupId"] = "g"
    assert Record.from_lambda(plain).group == "g"


def test_each_invocation_has_a_time_of_its_own(make_worker: MakeWorker, clients: Clients) -> None:
    """GIVEN a batch, and a direct invocation after it WHEN they run THEN clients are bounded by their own time, and by
    none after them."""
    worker, left = numbered(make_worker()), list[float | None]()
    worker.on_invoke(lambda payload, context: left.append(aws.remaining_s()))

    worker.lambda_handler(event_of(record_of(ThingHappened(number=1))), Call())
    assert aws.remaining_s() is None
    worker.lambda_handler({"step": "charge"}, Call())

    assert left[0] is not None
    assert 0 < left[0] <= 30
    assert aws.remaining_s() is None


@pytest.mark.usefixtures("clients")
def test_a_batch_of_canaries_is_no_part_of_the_metrics(
    make_worker: MakeWorker, capsys: pytest.CaptureFixture[str]
) -> None:
    """GIVEN nothing but a canary WHEN invoked THEN it is acknowledged, and no metrics are written."""
    worker = make_worker()
    body = {"source": "canary.test.things", "detail-type": "ThingHappened", "detail": {"fanout-canary": "0a1b-1"}}

    assert worker.lambda_handler(event_of(record(json.dumps(body))), Call()) == {"batchItemFailures": []}
    [line] = map(json.loads, capsys.readouterr().out.splitlines())
    assert line["canary"] == "0a1b-1"
    assert "_aws" not in line


def test_a_keep_warm_ping_tells_that_canaries_are_known(make_worker: MakeWorker) -> None:
    """GIVEN this version of the core WHEN a keep-warm ping comes THEN the answer says that it knows canaries: none is
    sent to a version that does not say so."""
    assert make_worker().lambda_handler({"fanout_heartbeat_s": 0}, None)["canaries"] is True
