"""The Lambda invoker against moto-free stubs of botocore: endings, and no retry that the budget does not know of."""

import asyncio
import io
import json
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from fanout_router.invokers import Ending, InvocationRequest, Result
from fanout_router.invokers.aws import LambdaInvoker

ORDER = InvocationRequest(
    environment_id="web.1", secret="s", address="http://127.0.0.1:1", fingerprint="", channels=1, lifetime_s=9
)


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


def result_of(answer: dict[str, Any] | Exception) -> Result:
    """What the invoker makes of an answer of Lambda."""
    seen: list[dict[str, Any]] = []

    def call(**arguments: Any) -> Any:
        seen.append(arguments)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def run() -> Result:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(boto3, "client", lambda *_args, **_kwargs: SimpleNamespace(invoke=call))
            invoker = LambdaInvoker("web", qualifier="live", limit=2)
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        invoker.invoke(ORDER, done.set_result)
        try:
            return await asyncio.wait_for(done, 5)
        finally:
            await invoker.close()

    found = asyncio.run(run())
    assert (seen[0]["FunctionName"], seen[0]["Qualifier"]) == ("web", "live")
    assert json.loads(seen[0]["Payload"])["dispatch"]["environment"] == "web.1"
    assert len(seen) == 1
    return found


def payload(value: object) -> io.BytesIO:
    return io.BytesIO(json.dumps(value).encode())


def test_a_summary_is_read() -> None:
    found = result_of({"Payload": payload({"served": 7, "reason": "drained"})})
    assert (found.ending, found.summary["served"]) == (Ending.COMPLETED, 7)


def test_a_function_error_is_read() -> None:
    found = result_of({"FunctionError": "Unhandled", "Payload": payload({"errorType": "Runtime.ExitError"})})
    assert (found.ending, found.detail) == (Ending.FUNCTION_ERROR, "Runtime.ExitError")


def test_a_throttle_is_told_from_a_failure() -> None:
    throttle = ClientError({"Error": {"Code": "TooManyRequestsException"}}, "Invoke")
    missing = ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "Invoke")
    assert result_of(throttle).ending is Ending.THROTTLED
    assert result_of(missing) == Result(ending=Ending.NOT_INVOKED, detail="ResourceNotFoundException")
    assert result_of(ConnectTimeoutError(endpoint_url="x")).ending is Ending.NOT_INVOKED


def test_an_answer_that_is_no_summary_is_none() -> None:
    assert result_of({"Payload": io.BytesIO(b"null")}).summary == {}
    assert result_of({"Payload": io.BytesIO(b"<html>")}).summary == {}


def test_the_client_retries_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    real = boto3.client

    def client(*arguments: Any, **options: Any) -> Any:
        made.append(real(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(boto3, "client", client)
    LambdaInvoker("web")
    assert made[0].meta.config.retries["total_max_attempts"] == 1
