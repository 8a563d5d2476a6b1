"""AWS Lambda as the source of environments: one synchronous Invoke per environment, which lasts as long as it
lives.

Invoke is called in threads: a thread per living environment, each with a pooled connection, which costs a
little memory and no work while it waits.
"""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from fanout_router.invokers.base import Ending, InvocationRequest, Result

_THROTTLES = frozenset({"TooManyRequestsException", "ThrottlingException", "Throttling", "RequestLimitExceeded"})


class LambdaInvoker:
    """Invokes ``function``: a name, ARN or partial ARN, with ``qualifier`` as alias or version."""

    def __init__(self, function: str, *, qualifier: str = "", limit: int = 100, read_timeout_s: float = 905.0) -> None:
        config = Config(
            max_pool_connections=limit,
            read_timeout=read_timeout_s,
            connect_timeout=5,
            # A retried Invoke would be an invocation that the budget does not know of.
            retries={"total_max_attempts": 1, "mode": "standard"},
            tcp_keepalive=True,
        )
        client = boto3.client("lambda", config=config)
        self._invoke = partial(client.invoke, FunctionName=function)
        if qualifier:
            self._invoke = partial(self._invoke, Qualifier=qualifier)
        self._threads = ThreadPoolExecutor(limit, thread_name_prefix="invoke")

    def invoke(self, order: InvocationRequest, done: Callable[[Result], object]) -> None:
        """See :class:`fanout_router.invokers.Invoker`."""
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._threads, self._call, order)
        future.add_done_callback(lambda ended: done(ended.result()))

    def _call(self, order: InvocationRequest) -> Result:
        try:
            response: Any = self._invoke(Payload=json.dumps(order.payload()).encode())
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            ending = Ending.THROTTLED if code in _THROTTLES else Ending.NOT_INVOKED
            return Result(ending=ending, detail=code)
        except BotoCoreError as error:
            return Result(ending=Ending.NOT_INVOKED, detail=type(error).__name__)
        body = response["Payload"].read()
        if response.get("FunctionError"):
            return Result(ending=Ending.FUNCTION_ERROR, detail=_error_type(body))
        return Result(ending=Ending.COMPLETED, summary=_summary(body))

    async def close(self, patience_s: float = 10.0) -> None:  # noqa: ARG002
        """Forget the calls under way; their environments end of their own."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _summary(body: bytes) -> dict[str, Any]:
    try:
        summary = json.loads(body)
    except ValueError:
        return {}
    return summary if isinstance(summary, dict) else {}


def _error_type(body: bytes) -> str:
    return str(_summary(body).get("errorType", "unknown"))
