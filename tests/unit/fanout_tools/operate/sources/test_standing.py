"""How a worker stands: its queues, whether it is paused, and the executions of workflows."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from fanout_tools.operate.evidence import QueueState
from fanout_tools.operate.sources.standing import executions, queue_states

from ..worlds import manifest, topology

PLACE = topology({"billing": manifest("shop.orders/OrderPlaced")}).workers["billing"]


def client(service: Any) -> Any:
    return boto3.client(service, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")


@pytest.mark.parametrize(("states", "paused"), [(["Enabled"], False), (["Disabled"], True), ([], False)])
def test_a_queue_and_what_takes_from_it(states: list[str], paused: bool) -> None:
    """GIVEN a worker's queue, DLQ and mapping WHEN looked at THEN all its messages are counted, and whether nothing
    takes them."""
    sqs, functions = client("sqs"), client("lambda")
    counts = {"ApproximateNumberOfMessages": "2", "ApproximateNumberOfMessagesNotVisible": "3", "CreatedTimestamp": "9"}
    with Stubber(sqs) as queues, Stubber(functions) as mappings:
        asked = {"AttributeNames": ["All"]}
        queues.add_response("get_queue_attributes", {"Attributes": counts}, {"QueueUrl": PLACE.queue_url, **asked})
        queues.add_client_error("get_queue_attributes", "AWS.SimpleQueueService.NonExistentQueue")
        listed = [{"State": state} for state in states]
        mappings.add_response("list_event_source_mappings", {"EventSourceMappings": listed})
        mappings.add_client_error("list_event_source_mappings", "ResourceNotFoundException")
        mappings.add_response("get_function_configuration", {"LastModified": "1970-01-01T00:01:00.000+0000"})
        found = queue_states(sqs, functions, [PLACE])

    assert found == {"billing": QueueState(messages=5, paused=paused, created_at=9.0, deployed_at=60.0)}


def test_a_worker_that_is_not_there_has_no_standing() -> None:
    sqs = client("sqs")
    with Stubber(sqs) as queues:
        for _ in range(2):
            queues.add_client_error("get_queue_attributes", "AWS.SimpleQueueService.NonExistentQueue")
        assert queue_states(sqs, client("lambda"), [PLACE]) == {}


def test_an_execution_is_found_by_its_input() -> None:
    """GIVEN executions from before the event, of another event, without an event, and its own WHEN looked for THEN its
    own is found, and those from before are not looked into."""
    states = client("stepfunctions")
    arn = "arn:aws:states:us-east-1:1:stateMachine:m"
    began = datetime.fromtimestamp(1_000, UTC)

    def listed(name: str, started: datetime = began) -> dict[str, Any]:
        return {
            "executionArn": f"{arn}:{name}", "stateMachineArn": arn, "name": name, "status": "RUNNING",
            "startDate": started,
        }  # fmt: skip

    with Stubber(states) as stub:
        rows = [listed("old", datetime.fromtimestamp(5, UTC)), listed("other"), listed("none"), listed("own")]
        stub.add_response("list_executions", {"executions": rows})
        for name, given in (("other", {"detail": {"metadata": {"event_id": "x"}}}), ("none", []), ("own", None)):
            event: Any = {"detail": {"metadata": {"event_id": "e"}}} if given is None else given
            described = {**listed(name), "status": "SUCCEEDED", "stopDate": datetime.fromtimestamp(1_004, UTC)}
            stub.add_response("describe_execution", {**described, "input": json.dumps(event)})
        [(event_id, found)] = executions(states, arn, "fulfilment", {"e": 999.5})
        stub.assert_no_pending_responses()

    assert event_id == "e"
    assert (found.workflow, found.status, found.started_at, found.ended_at) == ("fulfilment", "SUCCEEDED", 1_000, 1_004)
