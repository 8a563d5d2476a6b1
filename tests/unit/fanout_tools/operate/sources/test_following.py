"""Lines as they come, each once, in the shapes of CloudWatch Logs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import boto3
import pytest
from botocore.exceptions import EventStreamError
from botocore.stub import Stubber

from fanout_tools.operate.sources.following import LATE_S, live, polled
from fanout_tools.operate.sources.logs import Line
from fanout_tools.operate.sources.metrics import Window
from tests.unit.fanout_tools.operate.conftest import deployment

NOW = 1_800_000_000.0
TOPOLOGY = deployment("billing", "audit")


class Log:
    """A log that grows while it is looked at."""

    def __init__(self, *appended: Sequence[tuple[float, str]]) -> None:
        self.now, self.lines = NOW, list[Line]()
        self.asked: list[Window] = []
        self._appended = list(appended)

    def look(self, window: Window) -> list[Line]:
        self.asked.append(window)
        for at, text in self._appended.pop(0) if self._appended else ():
            self.lines.append(Line.read("billing", int(at * 1000), text))
        return [it for it in self.lines if window.start * 1000 <= it.at_ms]

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def followed(self, looks: int) -> list[list[str]]:
        found = polled(self.look, NOW - 60, clock=lambda: self.now, sleep=self.sleep)
        return [[line.text for line in lines] for lines in islice(found, looks)]


def test_each_line_is_shown_once_and_in_order() -> None:
    log = Log([(NOW - 1, "b"), (NOW - 50, "a")], [], [(NOW + 1, "c"), (NOW - 1, "late")])

    assert log.followed(4) == [["a", "b"], [], ["late", "c"], []]


def test_what_was_shown_is_not_read_again_for_ever() -> None:
    log = Log([(NOW - 50, "a")])
    log.followed(100)

    assert log.asked[0].start == NOW - 60
    assert log.asked[-1].start == log.asked[-1].end - 2.0 - LATE_S


def results(*texts: str, sampled: bool = False) -> dict[str, Any]:
    """As Live Tail sends them once a second."""
    group = "123456789012:/aws/lambda/shop-prod-billing"
    found = [
        {"logStreamName": "s", "logGroupIdentifier": group, "message": text, "timestamp": 1, "ingestionTime": 2}
        for text in texts
    ]
    return {"sessionUpdate": {"sessionMetadata": {"sampled": sampled}, "sessionResults": found}}


def ended(code: str) -> EventStreamError:
    return EventStreamError({"Error": {"Code": code, "Message": "said AWS"}}, "StartLiveTail")


def session(*events: dict[str, Any], end: str = "") -> Iterator[dict[str, Any]]:
    yield {"sessionStart": {"requestId": "r", "sessionId": "s"}}
    yield from events
    if end:
        raise ended(end)


def tailed(*sessions: Iterator[dict[str, Any]]) -> tuple[list[list[str]], int]:
    """The lines of each update, and how often a sample was told of; what is asked fits the service's model."""
    client, told = boto3.client("logs", region_name="eu-central-1"), []
    group = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/shop-prod-billing"
    with Stubber(client) as stub:
        for _ in sessions:
            asked = {"logGroupIdentifiers": [group], "logEventFilterPattern": '"spans"'}
            stub.add_response("start_live_tail", {}, asked)
        streams = iter(sessions)
        client.meta.events.register("after-call.cloudwatch-logs.StartLiveTail", _give(streams))
        shown: list[list[str]] = []
        workers = [TOPOLOGY.worker("billing")]
        found = live(client, TOPOLOGY, workers, '"spans"', sampled=lambda: told.append(1))
        with pytest.raises(EventStreamError, match="SessionStreamingException"):
            shown.extend([f"{line.worker} {line.text}" for line in lines] for lines in found)
    return shown, len(told)


def _give(streams: Iterator[Any]) -> Any:
    def give(parsed: dict[str, Any], **_: Any) -> None:
        parsed["responseStream"] = next(streams)

    return give


def test_live_tail_goes_on_after_a_session_has_ended() -> None:
    shown, sampled = tailed(
        session(results("a"), results(), end="SessionTimeoutException"),
        session(results("b", "c", sampled=True), end="SessionStreamingException"),
    )

    assert shown == [["billing a"], [], ["billing b", "billing c"]]
    assert sampled == 1


def test_what_live_tail_sends_is_as_the_services_model_has_it() -> None:
    model: Any = boto3.client("logs", region_name="eu-central-1").meta.service_model.operation_model("StartLiveTail")
    update = model.output_shape.members["responseStream"].members["sessionUpdate"]
    [event] = results("a")["sessionUpdate"]["sessionResults"]

    assert set(results()["sessionUpdate"]) <= set(update.members)
    assert set(event) <= set(update.members["sessionResults"].member.members)
    assert json.loads(json.dumps(event)) == event
