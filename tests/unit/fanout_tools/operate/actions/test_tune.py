"""A package is measured by a function of its own, in Lambda's own shapes."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber

from fanout_tools.operate.actions.tune import Tune, TuneError, batch_of, refusal
from fanout_tools.operate.topology import Topology
from fanout_tools.operate.views.tuning import Report
from tests.unit.fanout_tools.operate.conftest import deployment

TOPOLOGY = deployment("billing")
BODY = json.dumps(
    {"id": "g", "detail": {"metadata": {"event_id": "g", "expires_at": "2020-01-01T00:00:00Z"}, "data": {}}}
)
REPORT = (
    "REPORT RequestId: r\tDuration: 10.50 ms\tBilled Duration: 11 ms\tMemory Size: 512 MB\tMax Memory Used: 80 MB\t"
)


class Lease:
    """Counts what is asked of Scheduler."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda **_: self.calls.append(name)


class Lambda:
    """One tuning with Lambda stubbed."""

    def __init__(self) -> None:
        self.client = boto3.client("lambda")
        self.stub = Stubber(self.client)
        self.lease = Lease()

    def tune(self, topology: Topology = TOPOLOGY) -> Tune:
        clients = {"lambda": self.client, "scheduler": self.lease}
        return Tune(topology, topology.worker("billing"), [BODY], clients.__getitem__, "op", lambda url: url.encode())

    def makes(self) -> None:
        """The worker's function is read, and another made of it."""
        live = {
            "FunctionName": "shop-prod-billing",
            "Runtime": "python3.13",
            "Role": "arn:aws:iam::123456789012:role/shop-prod-billing",
            "Handler": "handler.handler",
            "Timeout": 30,
            "MemorySize": 256,
            "Architectures": ["arm64"],
            "Layers": [{"Arn": "arn:aws:lambda:eu-central-1:123456789012:layer:l:1", "CodeSize": 1}],
            "Environment": {"Variables": {"FANOUT_BUS": "shop-prod"}},
            "TracingConfig": {"Mode": "PassThrough"},
        }
        asked = {"FunctionName": "shop-prod-billing", "Qualifier": "live"}
        self.stub.add_response("get_function", {"Configuration": live, "Code": {"Location": "package"}}, asked)
        made = {
            "FunctionName": "shop-prod-tune-op",
            "Description": ANY,
            "Code": {"ZipFile": b"package"},
            "Layers": ["arn:aws:lambda:eu-central-1:123456789012:layer:l:1"],
            "Environment": {"Variables": {"FANOUT_BUS": "shop-prod", "FANOUT_TUNE": "1"}},
            "TracingConfig": {"Mode": "PassThrough"},
            **{key: live[key] for key in ("Runtime", "Role", "Handler", "Timeout", "Architectures")},
        }
        self.stub.add_response("create_function", {}, made)

    def is_given(self, memory: int) -> None:
        ready = {"Configuration": {"State": "Active", "LastUpdateStatus": "Successful"}}
        of_it = {"FunctionName": "shop-prod-tune-op"}
        self.stub.add_response("get_function", ready, of_it)
        self.stub.add_response("update_function_configuration", {}, {**of_it, "MemorySize": memory})
        self.stub.add_response("get_function", ready, of_it)

    def answers(self, said: Any, log: str = REPORT, **more: Any) -> None:
        raw = json.dumps(said).encode()
        answer = {
            "Payload": StreamingBody(io.BytesIO(raw), len(raw)),
            "LogResult": base64.b64encode(log.encode()).decode(),
        }
        asked = {"FunctionName": "shop-prod-tune-op", "LogType": "Tail", "Payload": ANY}
        self.stub.add_response("invoke", {**answer, **more}, asked)

    def goes(self) -> None:
        self.stub.add_response("delete_function", {}, {"FunctionName": "shop-prod-tune-op"})


def test_each_size_is_measured_and_the_function_goes() -> None:
    """GIVEN a worker WHEN measured with one memory size and two batch sizes THEN its package runs as a function of
    another name, each invocation has its report, and the lease is made first and ended last."""
    aws = Lambda()
    aws.makes()
    aws.is_given(512)
    for _ in range(4):
        aws.answers({"batchItemFailures": []})
    aws.goes()
    tune = aws.tune()

    with aws.stub, tune.open():
        reports = list(tune.measure([512], [1, 10], rounds=1))

    aws.stub.assert_no_pending_responses()
    assert [report.batch for report in reports] == [1, 1, 10, 10]
    assert reports[0] == Report(1, 512, 10.5, 11, 80)
    assert aws.lease.calls == ["create_schedule", "update_schedule", "update_schedule", "delete_schedule"]


@pytest.mark.parametrize(
    ("said", "more", "text"),
    [
        ({"batchItemFailures": [{"itemIdentifier": "a"}]}, {}, "1 of 1 records fail"),
        ({"errorMessage": "no"}, {"FunctionError": "Unhandled"}, "the function fails: {'errorMessage': 'no'}"),
        ({"batchItemFailures": []}, {"LogResult": ""}, "no REPORT line"),
    ],
)
def test_what_fails_is_no_measure_and_the_function_goes(said: Any, more: dict[str, Any], text: str) -> None:
    aws = Lambda()
    aws.makes()
    aws.is_given(512)
    aws.answers(said, **more)
    aws.goes()
    tune = aws.tune()

    with aws.stub, pytest.raises(TuneError, match=text), tune.open():
        list(tune.measure([512], [1], rounds=1))
    aws.stub.assert_no_pending_responses()


def test_a_batch_has_so_many_events_each_its_own() -> None:
    records = batch_of([BODY], 3)["Records"]

    metadata = [json.loads(record["body"])["detail"]["metadata"] for record in records]
    assert len({each["event_id"] for each in metadata}) == 3
    assert not any("expires_at" in each for each in metadata)


@pytest.mark.parametrize(
    ("keys", "refused"),
    [({}, False), ({"gathers": True}, True), ({"outbox": True, "publishes": ["shop.billing/Paid"]}, True)],
)
def test_what_depends_on_more_than_its_events_is_refused(keys: dict[str, Any], refused: bool) -> None:
    assert bool(refusal(deployment("billing", **keys).worker("billing"))) is refused
