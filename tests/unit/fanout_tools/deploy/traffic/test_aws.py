"""What is asked of Lambda and CloudWatch, against botocore's own model of them."""

from __future__ import annotations

import boto3
import pytest
from botocore.stub import Stubber

from fanout_tools.deploy.traffic import Alias, LambdaAliases, Traffic, TrafficError, Worker, ringing_alarms

WORKER = Worker(name="billing", function="f-billing", alias="live", version="4", live="3", alarms=("a",))
SEEN = Alias(version="3", revision="r1", weights={})
REQUEST = {
    "FunctionName": "f-billing",
    "Name": "live",
    "FunctionVersion": "3",
    "RoutingConfig": {"AdditionalVersionWeights": {"4": 0.1}},
    "RevisionId": "r1",
}


def test_an_alias_gets_its_shares() -> None:
    client = boto3.client("lambda", region_name="us-east-1")
    answer = {"FunctionVersion": "3", "RevisionId": "r2", "RoutingConfig": {"AdditionalVersionWeights": {"4": 0.1}}}
    with Stubber(client) as stub:
        stub.add_response("update_alias", answer, REQUEST)

        assert LambdaAliases(client).lead(WORKER, SEEN, "3", {"4": 0.1}) == Alias(
            version="3", revision="r2", weights={"4": 0.1}
        )


def test_an_alias_of_one_version_has_no_shares() -> None:
    client = boto3.client("lambda", region_name="us-east-1")
    with Stubber(client) as stub:
        stub.add_response("get_alias", {"FunctionVersion": "3", "RevisionId": "r1"})

        assert LambdaAliases(client).get(WORKER) == SEEN


def test_a_change_of_somebody_else_is_not_overwritten() -> None:
    client = boto3.client("lambda", region_name="us-east-1")
    with Stubber(client) as stub:
        stub.add_client_error("update_alias", "PreconditionFailedException")

        with pytest.raises(TrafficError, match="somebody else moves the alias live of f-billing"):
            LambdaAliases(client).lead(WORKER, SEEN, "3", {"4": 0.1})


def _alarm(name: str, state: str) -> dict[str, str]:
    return {"AlarmName": name, "StateValue": state}


def test_alarms_are_asked_for_in_hundreds() -> None:
    client = boto3.client("cloudwatch", region_name="us-east-1")
    names = [f"alarm-{n:03}" for n in range(101)]
    with Stubber(client) as stub:
        for some, state in ((names[:100], "OK"), (names[100:], "ALARM")):
            answer = {"MetricAlarms": [_alarm(name, state) for name in some]}
            stub.add_response("describe_alarms", answer, {"AlarmNames": some, "MaxRecords": 100})

        assert ringing_alarms(client, names) == {"alarm-100"}


def test_an_alarm_that_is_not_there_watches_nothing() -> None:
    client = boto3.client("cloudwatch", region_name="us-east-1")
    with Stubber(client) as stub:
        stub.add_response("describe_alarms", {"MetricAlarms": [_alarm("a", "OK")]})

        with pytest.raises(TrafficError, match="there is no alarm b"):
            ringing_alarms(client, ["a", "b"])


def test_alarms_that_cannot_be_read_are_told_with_the_reason() -> None:
    client = boto3.client("cloudwatch", region_name="us-east-1")
    with Stubber(client) as stub:
        stub.add_client_error("describe_alarms", "AccessDenied")

        with pytest.raises(TrafficError, match=r"the alarms cannot be read.*AccessDenied"):
            ringing_alarms(client, ["a"])


def test_terraforms_output_is_read() -> None:
    billing = {"function": "f-billing", "alias": "live", "version": "4", "live": "3", "alarms": ["a"]}
    read = Traffic.read({"steps": [10], "minutes": 5, "workers": {"billing": billing}})

    assert (read.workers, read.strategy.steps, read.strategy.step_s) == ((WORKER,), (10,), 300)
