"""What AWS does beside answering: it throttles, answers by pages, counts late, hands out twice, and lacks things.

Each answer is checked against botocore's models, by the stand-in or by botocore's own stub.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from fanout_tools.operate.fast import Fast
from fanout_tools.operate.sources import alarms, depths, functions, logs, metrics, reports
from fanout_tools.operate.sources.dead_letters import DeadLetterQueue
from fanout_tools.operate.sources.metrics import Metric, Window
from fanout_tools.operate.sources.records import Probe, Records
from fanout_tools.operate.sources.standing import executions
from fanout_tools.operate.topology import Place
from tests.unit.fanout_tools.operate.conftest import StandIn, deployment

WINDOW = Window(1_800_000_000.0, 1_800_000_900.0)
TOPOLOGY = deployment("billing")
BILLING = TOPOLOGY.worker("billing")
URL = BILLING.dead_letter_queue_url
EMULATED = deployment("billing", place=Place("123456789012", "eu-central-1", endpoint="http://127.0.0.1:1"))


async def no_pause(_: float) -> None:
    return None


async def lines(fast: Fast) -> list[logs.Line]:
    return [line async for line in logs.lines_of(fast, BILLING, WINDOW)]


def plain(operation: str, asked: dict[str, Any]) -> Any:
    """A good answer, with nothing in it."""
    answers: dict[str, Any] = {
        "DescribeAlarms": {"MetricAlarms": []},
        "GetQueueAttributes": {"Attributes": {"ApproximateNumberOfMessages": "2"}},
        "ListEventSourceMappings": {"EventSourceMappings": []},
        "GetMetricData": {"MetricDataResults": []},
        "FilterLogEvents": {"events": []},
        "StartQuery": {"queryId": "q"},
        "GetQueryResults": {"status": "Complete", "results": []},
    }
    assert asked is not None
    return answers[operation]


SOURCES: dict[str, Callable[[Fast], Awaitable[Any]]] = {
    "alarms": lambda fast: alarms.ringing(fast, TOPOLOGY),
    "depths": lambda fast: depths.depths(fast, [URL]),
    "mappings": lambda fast: functions.mappings(fast, TOPOLOGY, [BILLING]),
    "values": lambda fast: metrics.values(fast, [Metric("fanout", "handled", ())], WINDOW),
    "outcomes": lambda fast: metrics.outcomes(fast, TOPOLOGY, ["billing"], WINDOW),
    "health": lambda fast: metrics.health(fast, TOPOLOGY, [BILLING.queue], WINDOW),
    "lines": lines,
    "told": lambda fast: logs.told(fast, [BILLING], WINDOW),
    "insights": lambda fast: logs.ask_insights(fast, [BILLING], WINDOW, "fields @message", sleep=no_pause),
    "usage": lambda fast: reports.usage(fast, TOPOLOGY, WINDOW),
    "usage, by lines": lambda fast: reports.usage(fast, EMULATED, WINDOW),
}
CODES = [(400, "ThrottlingException"), (429, "TooManyRequestsException"), (503, "ServiceUnavailable")]


@pytest.mark.parametrize(("status", "code"), CODES, ids=[code for _, code in CODES])
@pytest.mark.parametrize("source", SOURCES)
def test_each_source_asks_again_after_a_pause(
    source: str, status: int, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIVEN an operation that is refused at first, twice WHEN a source needs it THEN it is asked again, and the answer
    is what it would have been."""
    refused: list[str] = []

    def answer(operation: str, asked: dict[str, Any]) -> Any:
        if refused.count(operation) < 2:
            refused.append(operation)
            return status, code
        return plain(operation, asked)

    throttled = StandIn(answer)
    assert throttled.run(SOURCES[source], monkeypatch) == StandIn(plain).run(SOURCES[source], monkeypatch)
    assert len(throttled.pauses) == len(refused) >= 2


def test_composite_alarms_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN a composite alarm that rings WHEN asked THEN it is told, though DescribeAlarms gives metric alarms alone
    unless types are named
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html)."""

    def answer(_: str, asked: dict[str, Any]) -> Any:
        types = asked.get("AlarmTypes", ["MetricAlarm"])
        return {"CompositeAlarms": [{"AlarmName": "shop-prod-all"}] if "CompositeAlarm" in types else []}

    [alarm] = StandIn(answer).run(SOURCES["alarms"], monkeypatch)
    assert alarm.name == "shop-prod-all"


def test_a_worker_that_is_not_deployed_does_not_keep_the_others_logs_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN three workers, one of which has no log group WHEN Insights refuse the query for it THEN the logs of the
    others are searched, and in no query but theirs."""
    topology = deployment("audit", "billing", "new")
    missing = topology.worker("new").log_group
    queries: dict[str, Sequence[str]] = {}

    def answer(operation: str, asked: dict[str, Any]) -> Any:
        if operation == "StartQuery":
            if missing in asked["logGroupNames"]:
                return 400, "ResourceNotFoundException"
            queries[f"q{len(queries)}"] = asked["logGroupNames"]
            return {"queryId": f"q{len(queries) - 1}"}
        log = f"123456789012:{queries[asked['queryId']][0]}"
        cells = {"@timestamp": "2027-01-15 08:00:00.000", "@message": "{}", "@log": log}
        return {"status": "Complete", "results": [[{"field": k, "value": v} for k, v in cells.items()]]}

    async def use(fast: Fast) -> Any:
        return await logs.ask_insights(fast, topology.workers.values(), WINDOW, "fields @message", sleep=no_pause)

    found = StandIn(answer).run(use, monkeypatch)
    assert sorted(line.worker for line in found) == ["audit", "billing"]


def client(service: Any) -> Any:
    return boto3.client(service, region_name="eu-central-1")


def message(identity: str, receipt: str) -> dict[str, Any]:
    return {"MessageId": identity, "ReceiptHandle": receipt, "Body": "{}", "Attributes": {"SentTimestamp": "1"}}


def received(stub: Stubber, *messages: dict[str, Any]) -> None:
    stub.add_response("receive_message", {"Messages": list(messages)} if messages else {})


def counted(stub: Stubber, about: int) -> None:
    counts = {"ApproximateNumberOfMessages": str(about), "ApproximateNumberOfMessagesNotVisible": "0"}
    stub.add_response("get_queue_attributes", {"Attributes": counts}, {"QueueUrl": URL, "AttributeNames": ANY})


def test_a_queue_that_counts_late_and_hands_out_twice_is_seen_whole() -> None:
    """GIVEN a DLQ whose count does not know of its messages yet, and that hands one out twice WHEN looked through THEN
    each message is seen once, with its last receipt, and all are given back."""
    sqs = client("sqs")
    with Stubber(sqs) as stub:
        counted(stub, 0)
        received(stub, message("m-1", "r-1"), message("m-2", "r-2"))
        received(stub, message("m-1", "r-3"))
        received(stub)
        entries = [
            {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
            for number, receipt in enumerate(("r-1", "r-2", "r-3"))
        ]
        stub.add_response(
            "change_message_visibility_batch", {"Successful": [], "Failed": []}, {"QueueUrl": URL, "Entries": entries}
        )
        browsed = DeadLetterQueue(sqs, URL, 5).browse(100)
        stub.assert_no_pending_responses()

    assert {it.message_id: it.receipt_handle for it in browsed.letters} == {"m-1": "r-3", "m-2": "r-2"}
    assert browsed.whole


def test_a_long_look_tells_how_far_it_is() -> None:
    """GIVEN twelve messages WHEN looked through THEN the progress is told at ten, and at the end."""
    sqs, told = client("sqs"), list[tuple[int, int]]()
    with Stubber(sqs) as stub:
        counted(stub, 12)
        for start, count in ((0, 10), (10, 2), (0, 0), (0, 0)):
            received(stub, *(message(f"m-{start + number}", "r") for number in range(count)))
        for _ in range(2):
            stub.add_response("change_message_visibility_batch", {"Successful": [], "Failed": []})
        DeadLetterQueue(sqs, URL, 5, told=lambda done, total: told.append((done, total))).browse(10_000)

    assert told == [(10, 12), (12, 12)]


def test_what_sqs_does_not_delete_is_told() -> None:
    sqs = client("sqs")
    with Stubber(sqs) as stub:
        counted(stub, 2)
        received(stub, message("m-1", "r-1"), message("m-2", "r-2"))
        received(stub)
        queue = DeadLetterQueue(sqs, URL, 5)
        letters = queue.take(100, 30)
        failed = {"Id": "1", "SenderFault": False, "Code": "InternalError"}
        stub.add_response("delete_message_batch", {"Successful": [{"Id": "0"}], "Failed": [failed]})
        kept = queue.delete(letters)

    assert [it.message_id for it in kept] == ["m-2"]


def test_keys_that_dynamodb_puts_off_are_read_in_its_own_shapes() -> None:
    """GIVEN an answer that leaves a key for later, as when DynamoDB throttles WHEN records are read THEN the key is
    asked for once more, after a pause, by consistent reads."""
    dynamodb, slept = client("dynamodb"), list[float]()
    keys = [{"id": {"S": f"k-{number}"}} for number in range(2)]
    items = [{**key, "status": {"S": "COMPLETED"}, "expiration": {"N": "2000"}} for key in keys]
    with Stubber(dynamodb) as stub:
        asked = {"t": {"Keys": keys, "ConsistentRead": True}}
        later = {"t": {"Keys": keys[1:], "ConsistentRead": True}}
        stub.add_response(
            "batch_get_item", {"Responses": {"t": items[:1]}, "UnprocessedKeys": later}, {"RequestItems": asked}
        )
        stub.add_response(
            "batch_get_item", {"Responses": {"t": items[1:]}, "UnprocessedKeys": {}}, {"RequestItems": later}
        )
        probes = [Probe("t", "billing", "shop.orders/OrderPlaced", f"e-{n}", f"k-{n}", 1_000) for n in range(2)]
        found = Records(dynamodb, clock=lambda: 1_500.0, sleep=slept.append).records(probes)

    assert [it.completed_at for it in found] == [1_000.0, 1_000.0]
    assert len(slept) == 1


def test_executions_from_before_the_event_end_the_search() -> None:
    """GIVEN pages of executions, the newest first, as Step Functions lists them WHEN an event's is looked for THEN no
    page is read beyond the one that begins before the event: an account keeps 90 days of them."""
    arn = "arn:aws:states:eu-central-1:123456789012:stateMachine:m"
    older = {
        "executionArn": f"{arn}:old", "stateMachineArn": arn, "name": "old", "status": "SUCCEEDED",
        "startDate": datetime.fromtimestamp(500, UTC),
    }  # fmt: skip
    states = client("stepfunctions")
    with Stubber(states) as stub:
        stub.add_response("list_executions", {"executions": [older], "nextToken": "n"}, {"stateMachineArn": arn})
        assert list(executions(states, arn, "fulfilment", {"e-1": 1_000.0})) == []
        stub.assert_no_pending_responses()
