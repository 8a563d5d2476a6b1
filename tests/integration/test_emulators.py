"""The emulators themselves: they hold what fanout needs, listen on loopback only, and are gone after `down`."""

import io
import json
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from fanout_tools.emulators import Endpoints, reset, running, up
from fanout_tools.emulators.ports import listeners
from fanout_tools.emulators.processes import members, runs
from fanout_tools.emulators.record import load
from tests.integration.conftest import EMULATOR

ROLE = "arn:aws:iam::000000000000:role/function"
DEADLINE_SECONDS = 20.0


OPEN = json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}]})
"""The policy of a queue that every service may write to."""


@dataclass(frozen=True)
class Emulator:
    """A running emulator."""

    name: str
    run_dir: Path
    endpoints: Endpoints

    def client(self, service: str, **credentials: str) -> Any:
        """A client of it."""
        environment = self.endpoints.environment()
        variable = "AWS_ENDPOINT_URL_DYNAMODB" if service == "dynamodb" else "AWS_ENDPOINT_URL"
        session = boto3.Session(
            aws_access_key_id=credentials.get("key", "test"),
            aws_secret_access_key=credentials.get("secret", "test"),
            region_name="us-east-1",
        )
        return session.client(service, endpoint_url=environment[variable])  # type: ignore[call-overload]

    def processes(self) -> list[int]:
        """The ids of all its processes."""
        run = load(self.run_dir)
        return [pid for server in run.servers for pid in members(server.process)] if run else []

    def queue(self, name: str, *, open_to_services: bool = True) -> tuple[str, str]:
        """A new queue: its URL and its ARN."""
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName=name, Attributes={"Policy": OPEN} if open_to_services else {})["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        return url, arn

    def received(self, url: str) -> list[dict[str, Any]]:
        """The messages of a queue, as soon as there are any."""
        sqs = self.client("sqs")
        return eventually(
            lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1, MessageAttributeNames=["All"]).get(
                "Messages", []
            )
        )


def eventually(ask: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """What ``ask`` answers, once that is anything."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (found := ask()):
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.1)
    return found


@pytest.fixture(autouse=True)
def _clients() -> None:
    """In place of the one for the platform's tests: these need no platform, and no emulator but their own."""


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """The emulator of this run, once more and empty."""
    run_dir = tmp_path_factory.mktemp("emulator")
    with running(EMULATOR, run_dir=run_dir) as endpoints:
        yield Emulator(EMULATOR, run_dir.resolve(), endpoints)


@pytest.fixture
def function(emulator: Emulator) -> Iterator[Callable[..., str]]:
    """Create a function from its source and, if need be, a layer from its modules; returns its name."""
    client = emulator.client("lambda")
    names: list[str] = []

    def create(source: str, *, layer: dict[str, str] | None = None, timeout: int = 30) -> str:
        layers = []
        if layer:
            files = {f"python/{name}": text for name, text in layer.items()}
            version = client.publish_layer_version(LayerName="shared", Content={"ZipFile": archive(files)})
            layers = [version["LayerVersionArn"]]
        names.append(f"function-{uuid.uuid4().hex[:8]}")
        client.create_function(
            FunctionName=names[-1],
            Runtime="python3.11",
            Handler="app.handler",
            Role=ROLE,
            Timeout=timeout,
            Layers=layers,
            Code={"ZipFile": archive({"app.py": source})},
        )
        client.get_waiter("function_active_v2").wait(FunctionName=names[-1], WaiterConfig={"Delay": 1})
        return names[-1]

    yield create
    for name in names:
        client.delete_function(FunctionName=name)


def archive(files: dict[str, str]) -> bytes:
    """A ZIP file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, text in files.items():
            file.writestr(name, text)
    return buffer.getvalue()


def invoke(emulator: Emulator, name: str, event: object = None) -> tuple[Any, str]:
    """The decoded result of a function, and the kind of error if there was one."""
    answer = emulator.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode())
    return json.loads(answer["Payload"].read()), answer.get("FunctionError", "")


def test_nothing_listens_anywhere_but_on_loopback(emulator: Emulator, function: Callable[..., str]) -> None:
    # GIVEN a function that has run, so that whatever listens for it does
    invoke(emulator, function("def handler(event, context):\n    return 1\n"))

    processes = emulator.processes()
    addresses = {address for address, _, pid in listeners() if pid in processes}

    assert addresses == {"127.0.0.1"}


def test_a_function_imports_from_its_layer_and_gets_its_event(emulator: Emulator, function: Callable[..., str]) -> None:
    source = "import pricing\ndef handler(event, context):\n    return pricing.total(event)\n"
    name = function(source, layer={"pricing.py": "def total(lines):\n    return sum(lines)\n"})

    assert invoke(emulator, name, [1, 2, 3]) == (6, "")


def test_a_function_is_told_where_dynamodb_is(emulator: Emulator, function: Callable[..., str]) -> None:
    source = (
        "import os\n"
        "def handler(event, context):\n"
        "    return os.environ.get('AWS_ENDPOINT_URL_DYNAMODB', os.environ['AWS_ENDPOINT_URL'])\n"
    )

    url, _ = invoke(emulator, function(source))

    assert url == emulator.endpoints.dynamodb_url


def test_the_log_of_an_invocation_is_in_cloudwatch_logs(emulator: Emulator, function: Callable[..., str]) -> None:
    name = function("def handler(event, context):\n    print('seen', event)\n")
    invoke(emulator, name, 7)
    logs = emulator.client("logs")

    def lines() -> list[dict[str, Any]]:
        try:
            return list(logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"])
        except logs.exceptions.ResourceNotFoundException:
            return []

    messages = [event["message"].strip() for event in eventually(lines)]
    assert "seen 7" in messages
    assert messages[0].startswith("START RequestId: ")
    assert messages[-1].startswith("REPORT RequestId: ")


def test_a_function_that_times_out_or_dies_is_replaced(emulator: Emulator, function: Callable[..., str]) -> None:
    source = (
        "import os, time\n"
        "def handler(event, context):\n"
        "    if event == 'hang':\n"
        "        time.sleep(60)\n"
        "    if event == 'die':\n"
        "        os._exit(1)\n"
        "    return 'well'\n"
    )
    name = function(source, timeout=2)

    for fault in ("hang", "die"):
        assert invoke(emulator, name, fault)[1] == "Unhandled"
        assert invoke(emulator, name) == ("well", "")


def test_a_topic_delivers_to_its_queue(emulator: Emulator) -> None:
    url, arn = emulator.queue("subscribed")
    sns = emulator.client("sns")
    topic = sns.create_topic(Name="orders")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})

    sns.publish(TopicArn=topic, Message="an order")

    assert [message["Body"] for message in emulator.received(url)] == ["an order"]


@pytest.mark.gap(emulator="ministack", reason="it delivers without a grant", runs=False)
def test_what_no_policy_grants_is_in_the_dead_letter_queue(emulator: Emulator) -> None:
    url, arn = emulator.queue("refused")
    _, closed = emulator.queue("closed", open_to_services=False)
    rule_with_target(emulator, "ungranted", closed, DeadLetterConfig={"Arn": arn})

    put_event(emulator, "ungranted")

    [message] = emulator.received(url)
    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"


@pytest.mark.gap(emulator="ministack", reason="it ignores the dead-letter queue of a rule's target", runs=False)
def test_what_a_rules_target_cannot_take_is_in_its_dead_letter_queue(emulator: Emulator) -> None:
    url, arn = emulator.queue("dead-letters")
    rule = rule_with_target(emulator, "undeliverable", f"{arn}-gone", DeadLetterConfig={"Arn": arn})

    put_event(emulator, "undeliverable")

    (message,) = emulator.received(url)
    assert json.loads(message["Body"])["detail"] == {"order": 1}
    assert message["MessageAttributes"]["RULE_ARN"]["StringValue"] == rule


def test_archived_events_are_replayed(emulator: Emulator) -> None:
    url, arn = emulator.queue("replayed")
    bus = emulator.client("events").create_event_bus(Name="archived")["EventBusArn"]
    events = emulator.client("events")
    archive_arn = events.create_archive(ArchiveName="all", EventSourceArn=bus)["ArchiveArn"]
    put_event(emulator, "replayed", bus="archived")
    # GIVEN a rule that was not there when the event was published
    rule_with_target(emulator, "replayed", arn, bus="archived")
    now = datetime.now(UTC)

    events.start_replay(
        ReplayName="again",
        EventSourceArn=archive_arn,
        EventStartTime=now - timedelta(minutes=5),
        EventEndTime=now + timedelta(minutes=5),
        Destination={"Arn": bus},
    )

    event = json.loads(emulator.received(url)[0]["Body"])
    assert event["detail"] == {"order": 1}
    assert event["replay-name"] == "again"


def test_an_emptied_redrive_allow_policy_is_gone(emulator: Emulator) -> None:
    url, _ = emulator.queue("redrive-allow")
    sqs = emulator.client("sqs")
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedriveAllowPolicy": '{"redrivePermission": "allowAll"}'})

    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedriveAllowPolicy": ""})

    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert not attributes.get("RedriveAllowPolicy")


def test_each_insert_of_a_dynamodb_batch_answers_for_itself(emulator: Emulator) -> None:
    dynamodb = emulator.client("dynamodb")
    dynamodb.create_table(
        TableName="claims",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    statements = [{"Statement": "INSERT INTO \"claims\" VALUE {'id': ?}", "Parameters": [{"S": "one"}]}]

    first = dynamodb.batch_execute_statement(Statements=statements)
    second = dynamodb.batch_execute_statement(Statements=statements)

    assert "Error" not in first["Responses"][0]
    assert second["Responses"][0]["Error"]["Code"] == "DuplicateItem"


def test_up_leaves_one_that_runs_alone_and_reset_empties_it(emulator: Emulator) -> None:
    emulator.queue("to-be-forgotten")
    before = emulator.processes()

    assert up(EMULATOR, run_dir=emulator.run_dir) == emulator.endpoints
    assert emulator.processes() == before
    assert reset(EMULATOR, run_dir=emulator.run_dir) == emulator.endpoints

    assert not emulator.client("sqs").list_queues().get("QueueUrls")


def test_down_leaves_no_process(tmp_path: Path) -> None:
    with running(EMULATOR, run_dir=tmp_path) as endpoints:
        emulator = Emulator(EMULATOR, tmp_path.resolve(), endpoints)
        client = emulator.client("lambda")
        client.create_function(
            FunctionName="left",
            Runtime="python3.11",
            Handler="app.handler",
            Role=ROLE,
            Code={"ZipFile": archive({"app.py": "import os\ndef handler(event, context):\n    return os.getpid()\n"})},
        )
        client.get_waiter("function_active_v2").wait(FunctionName="left", WaiterConfig={"Delay": 1})
        function_process, _ = invoke(emulator, "left")
        processes = emulator.processes()
        assert function_process in processes

    assert [pid for pid in processes if runs(pid)] == []


def test_ministack_refuses_who_is_not_allowed_when_iam_is_enforced(tmp_path: Path) -> None:
    if EMULATOR != "ministack":
        pytest.skip("only MiniStack enforces IAM")
    with running("ministack", run_dir=tmp_path, enforce_iam=True) as endpoints:
        emulator = Emulator("ministack", tmp_path, endpoints)
        emulator.queue("allowed")
        iam = emulator.client("iam")
        iam.create_user(UserName="nobody")
        key = iam.create_access_key(UserName="nobody")["AccessKey"]
        stranger = emulator.client("sqs", key=key["AccessKeyId"], secret=key["SecretAccessKey"])

        with pytest.raises(ClientError, match="AccessDenied"):
            stranger.create_queue(QueueName="refused")


def rule_with_target(emulator: Emulator, source: str, target: str, *, bus: str = "default", **options: Any) -> str:
    """A rule that sends the events of ``source`` to ``target``; returns its ARN."""
    events = emulator.client("events")
    pattern = json.dumps({"source": [source]})
    rule = str(events.put_rule(Name=source, EventBusName=bus, EventPattern=pattern)["RuleArn"])
    events.put_targets(Rule=source, EventBusName=bus, Targets=[{"Id": "target", "Arn": target, **options}])
    return rule


def put_event(emulator: Emulator, source: str, *, bus: str = "default") -> None:
    """Publish one event."""
    entry = {"EventBusName": bus, "Source": source, "DetailType": "OrderPlaced", "Detail": '{"order": 1}'}
    assert emulator.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0
