"""What the pipe of terraform/modules/queue_source makes of a message, as a worker gets it: its own template, filled."""

from __future__ import annotations

import json

import pytest

from fanout import Outcome
from fanout.testing import Rig, record
from scripts.mutants.fixture import PLANS
from tests.unit.fanout.conftest import MakeWorker, ThingHappened


@pytest.fixture(scope="module")
def template() -> str:
    """As Terraform plans it."""
    plan = json.loads(PLANS["service"].read_text(encoding="utf-8"))
    resources = plan["planned_values"]["root_module"]["resources"]
    (pipe,) = (it for it in resources if it["type"] == "aws_pipes_pipe")
    return str(pipe["values"]["target_parameters"][0]["input_template"])


def _event(template: str, message_id: str, body: str) -> str:
    """What the worker's queue gets of a message whose body is ``body``, JSON or not."""
    try:
        data = json.dumps(json.loads(body))
    except ValueError:
        data = json.dumps(body)
    detail = template.replace("<$.messageId>", message_id).replace("<$.body>", data)
    detail = detail.replace("<aws.pipes.event.ingestion-time>", "1997-01-01T06:00:00Z")
    return json.dumps({"source": "test.things", "detail-type": "ThingHappened", "detail": json.loads(detail)})


def test_a_message_is_an_event_and_one_that_is_taken_twice_is_a_duplicate(
    make_worker: MakeWorker, template: str
) -> None:
    worker, numbers = make_worker(), list[int]()
    worker.handles(ThingHappened)(lambda event, _: numbers.append(event.number))
    rig = Rig(worker)

    first = rig.deliver(record(_event(template, "m-1", '{"number": 7}')))
    again = rig.deliver(record(_event(template, "m-1", '{"number": 7}')))

    assert [it.outcome for it in (*first, *again)] == [Outcome.HANDLED, Outcome.DUPLICATE]
    assert numbers == [7]


@pytest.mark.parametrize(
    ("body", "kind"), [("number=7", "str"), ("[7]", "list"), ("7", "int"), ("null", "NoneType"), ("", "str")]
)
def test_a_body_that_is_no_json_object_is_rejected_with_that_cause(
    make_worker: MakeWorker, template: str, body: str, kind: str
) -> None:
    worker = make_worker()
    worker.handles(ThingHappened)(lambda *_: None)
    rig = Rig(worker)

    (delivery,) = rig.deliver(record(_event(template, "m-1", body)))

    assert delivery.outcome is Outcome.REJECTED
    told = json.dumps(rig.dead_letters)
    assert f"detail.data: must be a mapping, not {kind}" in told
    assert "an external queue's message" in told
