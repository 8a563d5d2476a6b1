"""The calls themselves: boto3 in threads, over as many kept-alive connections as there are calls at once."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson

from fanout import keep_warm
from fanout.invoke.engine import Answer, Budget, Engine, Failure, Invoked, Kind, Tree

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

__all__ = ["invoke_all", "invoke_all_async", "lambda_client", "run", "warm_up"]

CONNECT_TIMEOUT_S = 3
DEFAULT_TREE = Tree()

# Calls that Lambda did not begin for want of concurrency; its own codes, and EC2's for functions in a VPC.
_THROTTLES = {"TooManyRequestsException", "ThrottlingException", "EC2ThrottledException"}


def invoke_all(
    function: str,
    payloads: Sequence[Any],
    *,
    qualifier: str | None = None,
    concurrency: int = 50,
    timeout_s: float = 60.0,
    tree: Tree = DEFAULT_TREE,
    client: LambdaClient | None = None,
) -> list[Invoked]:
    """Invoke a function once for each payload (JSON values), and wait for all: a result for each, in order.

    A throttled call is repeated, with full-jitter backoff, until the deadline; nothing else is, because the function
    may have run. Above ``tree.threshold`` payloads the function itself spreads the calls, for which its handler has to
    be a :func:`tree_handler`.

    :param function: a name or ARN.
    :param qualifier: a version or alias, such as ``live``: provisioned concurrency is an alias's.
    :param concurrency: calls under way at once, and connections; in a tree of each node.
    :param timeout_s: what has not answered by then is :attr:`Kind.TIMED_OUT`; the others' results are there.
    :param client: one of one's own, with ``max_pool_connections`` of at least ``concurrency`` and no retries.
    """
    return asyncio.run(
        invoke_all_async(
            function,
            payloads,
            qualifier=qualifier,
            concurrency=concurrency,
            timeout_s=timeout_s,
            tree=tree,
            client=client,
        )
    )


async def invoke_all_async(
    function: str,
    payloads: Sequence[Any],
    *,
    qualifier: str | None = None,
    concurrency: int = 50,
    timeout_s: float = 60.0,
    tree: Tree = DEFAULT_TREE,
    client: LambdaClient | None = None,
) -> list[Invoked]:
    """:func:`invoke_all` for coroutines."""
    budget = Budget(depth=tree.depth, invocations=tree.invocations, deadline=time.time() + timeout_s)
    return await run(function, payloads, budget, qualifier=qualifier, concurrency=concurrency, tree=tree, client=client)


async def run(
    function: str,
    payloads: Sequence[Any],
    budget: Budget,
    *,
    qualifier: str | None,
    concurrency: int,
    tree: Tree,
    client: LambdaClient | None = None,
) -> list[Invoked]:
    """Invoke within a budget that somebody else gave."""
    if concurrency < 1:
        raise ValueError(f"concurrency={concurrency}: must be 1 or more")
    client = client or lambda_client(concurrency, _read_timeout_s(budget.deadline - time.time()))
    pool = ThreadPoolExecutor(concurrency, thread_name_prefix="invoke")
    try:
        call = _in_threads(client, pool, function, qualifier)
        return await Engine(call, concurrency, tree, time.time).run(payloads, budget)
    finally:
        # Calls that are overdue end by themselves, at the latest with their connection's read timeout.
        pool.shutdown(wait=False, cancel_futures=True)


def warm_up(
    function: str,
    environments: int,
    *,
    qualifier: str | None = None,
    hold_s: float = 1.0,
    timeout_s: float = 60.0,
    client: LambdaClient | None = None,
) -> int:
    """Have Lambda start so many environments; returns how many there are.

    Lambda gives a call to an idle environment before it starts one, so that the keep-warm pings have to overlap:
    all are sent at once, and each keeps its environment busy for ``hold_s``, which has to be longer than it takes
    to send them. They stay warm for as long as Lambda pleases, some minutes; provisioned concurrency is for longer.
    """
    beats = invoke_all(
        function,
        [{keep_warm.KEY: hold_s}] * environments,
        qualifier=qualifier,
        concurrency=environments,
        timeout_s=timeout_s,
        tree=Tree(threshold=environments, invocations=environments),
        client=client,
    )
    return len({beat.value["environment"] for beat in beats if beat.ok})


def _in_threads(
    client: LambdaClient, pool: ThreadPoolExecutor, function: str, qualifier: str | None
) -> Callable[[bytes], Awaitable[Answer]]:
    more: Any = {"Qualifier": qualifier} if qualifier else {}

    def call(payload: bytes) -> Answer:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            response = client.invoke(FunctionName=function, Payload=payload, **more)
            body = response["Payload"].read()
        except ClientError as error:
            code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
            kind = Kind.THROTTLED if code in _THROTTLES else Kind.REFUSED
            return Answer(Invoked.failed(kind, code, message), throttled=kind is Kind.THROTTLED)
        except BotoCoreError as error:
            return Answer(Invoked.failed(Kind.UNREACHABLE, type(error).__name__, str(error)))
        return Answer(_read(body, response.get("FunctionError")))

    async def in_thread(payload: bytes) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(pool, call, payload)

    return in_thread


def _read(body: bytes, function_error: str | None) -> Invoked:
    """Lambda's answer (https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html)."""
    try:
        value = orjson.loads(body) if body else None
    except orjson.JSONDecodeError as error:
        return Invoked.failed(Kind.FUNCTION, "NotJson", f"the function's answer is not JSON: {error}")
    if function_error is None:
        return Invoked(value=value)
    told = value if isinstance(value, dict) else {}
    return Invoked(
        failure=Failure(
            kind=Kind.FUNCTION,
            type=str(told.get("errorType") or function_error),
            message=str(told.get("errorMessage") or ""),
            trace=tuple(str(line) for line in told.get("stackTrace") or ()),
        )
    )


def _read_timeout_s(seconds: float) -> int:
    """Long enough for the deadline, in steps, so that many deadlines share a client and its connections."""
    return next((step for step in (15, 60, 300) if seconds <= step), 900)


@cache
def lambda_client(concurrency: int, read_timeout_s: int) -> LambdaClient:
    """The process's client for calls of at most so many seconds, with as many connections."""
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=read_timeout_s,
        max_pool_connections=concurrency,
        # A call that was not answered may have run: never again by itself.
        retries={"mode": "standard", "total_max_attempts": 1},
        tcp_keepalive=True,
    )
    client: Any = boto3.session.Session(region_name=os.environ.get("AWS_REGION")).client("lambda", config=config)
    return client  # type: ignore[no-any-return]
