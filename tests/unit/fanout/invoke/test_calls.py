"""Lambda's answers as boto3 gives them, the receiving side, and a whole tree over both."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from fanout import keep_warm
from fanout.invoke import Tree, calls, invoke_all, invoke_all_async, tree_handler, warm_up
from fanout.invoke.engine import Invoked, Kind
from tests.unit.fanout.conftest import MakeWorker

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:square:live"
CONTEXT = SimpleNamespace(invoked_function_arn=ARN, get_remaining_time_in_millis=lambda: 30_000)


class Client:
    """Runs a handler in place of Lambda."""

    def __init__(self, handler: Callable[[Any, Any], Any]) -> None:
        self._handler = handler
        self.requests: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def invoke(self, **request: Any) -> dict[str, Any]:
        with self._lock:
            self.requests.append(request)
        try:
            answer, error = self._handler(json.loads(request["Payload"]), CONTEXT), {}
        except ArithmeticError as raised:
            told = {"errorType": type(raised).__name__, "errorMessage": str(raised), "stackTrace": ["  line 1\n"]}
            answer, error = told, {"FunctionError": "Unhandled"}
        return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(answer).encode()), **error}


def client(handler: Callable[[Any, Any], Any]) -> Any:
    return cast("Any", Client(handler))


def square(payload: Any, _: Any) -> Any:
    if payload == 3:
        raise ZeroDivisionError("no three")
    return payload**2


def test_values_and_errors_come_back_in_order() -> None:
    """GIVEN a function that raises for one payload WHEN invoked for four THEN that one has error, message and trace."""
    lambda_ = client(square)
    results = invoke_all("square", [1, 2, 3, 4], qualifier="live", client=lambda_)

    assert [result.value for result in results] == [1, 4, None, 16]
    failure = results[2].failure
    assert failure is not None
    assert (failure.kind, failure.type, failure.message, failure.trace) == (
        Kind.FUNCTION,
        "ZeroDivisionError",
        "no three",
        ("  line 1\n",),
    )
    assert {(request["FunctionName"], request["Qualifier"]) for request in lambda_.requests} == {("square", "live")}


@pytest.mark.parametrize(
    ("error", "kind", "type_"),
    [
        (
            ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "no"}}, "Invoke"),
            Kind.REFUSED,
            "ResourceNotFoundException",
        ),
        (ReadTimeoutError(endpoint_url="http://lambda"), Kind.UNREACHABLE, "ReadTimeoutError"),
    ],
)
def test_what_lambda_does_not_take_is_told(error: Exception, kind: Kind, type_: str) -> None:
    """GIVEN a call that fails WHEN invoked THEN its failure tells whether the function may have run."""

    def fail(payload: Any, _: Any) -> Any:
        raise error

    [result] = invoke_all("square", [1], client=client(fail))
    assert result.failure is not None
    assert (result.failure.kind, result.failure.type) == (kind, type_)


def test_a_throttled_call_comes_again() -> None:
    """GIVEN a call that is throttled once WHEN invoked THEN it is repeated, and has its value."""
    answers = iter([ClientError({"Error": {"Code": "TooManyRequestsException"}}, "Invoke")])

    def throttle(payload: Any, _: Any) -> Any:
        for error in answers:
            raise error
        return "done"

    assert invoke_all("square", [1], client=client(throttle)) == [Invoked(value="done")]


def test_an_answer_that_is_no_json_is_told() -> None:
    """GIVEN an answer that is no JSON WHEN invoked THEN the failure says so."""
    lambda_ = SimpleNamespace(invoke=lambda **_: {"Payload": io.BytesIO(b"<html>")})
    [result] = invoke_all("square", [1], client=cast("Any", lambda_))
    assert str(result.failure).startswith("function: NotJson: the function's answer is not JSON")


async def _await(lambda_: Any) -> list[Invoked]:
    return await invoke_all_async("square", [1, 2], client=lambda_)


def test_coroutines_have_the_same() -> None:
    """GIVEN an event loop WHEN a coroutine invokes THEN results are the same."""
    import asyncio

    assert [result.value for result in asyncio.run(_await(client(square)))] == [1, 4]


def test_a_tree_over_the_receiving_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN a function with a tree_handler WHEN more payloads are invoked than the threshold THEN its nodes invoke it
    at the alias that they were invoked by, and values and failures come through."""
    lambda_ = client(tree_handler(square))
    monkeypatch.setattr(calls, "lambda_client", lambda *_: lambda_)
    results = invoke_all("square", list(range(20)), tree=Tree(threshold=5, fan_out=4, depth=1), concurrency=4)

    assert [result.value for result in results] == [None if n == 3 else n**2 for n in range(20)]
    assert results[3].failure is not None
    assert results[3].failure.trace == ("  line 1\n",)
    assert len(lambda_.requests) == 24
    assert sum(request["FunctionName"] == ARN for request in lambda_.requests) == 20


def test_keep_warm_ping_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN a service that starts an environment when all others are busy WHEN five are warmed up THEN there are five,
    because every keep-warm ping is held until all have come."""
    all_here, environments = threading.Barrier(5), iter("abcde")

    def hold(event: Any) -> dict[str, Any]:
        assert event == {keep_warm.KEY: 1.5}
        all_here.wait(timeout=30)
        return {"environment": next(environments)}

    monkeypatch.setattr(keep_warm, "beat", hold)
    assert warm_up("square", 5, hold_s=1.5, client=client(tree_handler(square))) == 5


def test_a_keep_warm_ping_is_held_for_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN a keep-warm ping WHEN it is answered THEN it took as long as asked for, at most ten seconds."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    assert keep_warm.beat({keep_warm.KEY: 0.5}) == keep_warm.beat({keep_warm.KEY: 3_600})
    assert slept == [0.5, 10.0]


def test_a_worker_answers_directly_as_well(make_worker: MakeWorker) -> None:
    """GIVEN a worker that is invoked directly WHEN an invocation or a keep-warm ping comes THEN each is answered."""
    worker = make_worker()
    worker.on_invoke(lambda payload, _: payload["n"] + 1)

    assert worker.lambda_handler({"n": 1}, CONTEXT) == 2
    beat = worker.lambda_handler({keep_warm.KEY: 0}, CONTEXT)
    assert beat == {"heartbeat": "probe", "environment": keep_warm.ENVIRONMENT, "canaries": True}


def test_no_concurrency_is_refused() -> None:
    """GIVEN a concurrency of 0 WHEN invoked THEN that is an error, and nothing waits for ever."""
    with pytest.raises(ValueError, match="concurrency=0"):
        invoke_all("square", [1], concurrency=0, client=client(square))
