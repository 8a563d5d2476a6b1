"""Invoke a Lambda function for many payloads at once, and have all answers back in order.

    results = invoke_all("shop-thumbnails", payloads, qualifier="live", timeout_s=20)
    thumbnails = [result.value for result in results if result.ok]

The synchronous counterpart of :mod:`fanout.gather`: for answers that somebody waits for.
"""

from fanout.invoke.calls import invoke_all, invoke_all_async, warm_up
from fanout.invoke.engine import Budget, Failure, Invoked, Kind, Tree
from fanout.invoke.server import tree_handler

__all__ = ["Budget", "Failure", "Invoked", "Kind", "Tree", "invoke_all", "invoke_all_async", "tree_handler", "warm_up"]
