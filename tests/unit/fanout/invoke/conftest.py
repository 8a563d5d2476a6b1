"""An event loop whose time is virtual, and a Lambda service on it."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, TypeVar

import orjson

from fanout.invoke.engine import NODE_KEY, RESULTS_KEY, Answer, Budget, Engine, Invoked, Kind, Tree

START = 1_700_000_000.0
T = TypeVar("T")


class _Selector(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._virtual = loop

    def select(self, timeout: float | None = None) -> Any:
        self._virtual.now += timeout or 0.0
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Waits for nothing: its clock jumps to what is due next."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Selector(self))

    def time(self) -> float:
        return self.now


def run(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine in virtual time."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(make())
    finally:
        loop.close()


def now() -> float:
    """Seconds since 1970, virtually."""
    return START + asyncio.get_running_loop().time()


@dataclass
class Lambda:
    """A function that does what its payload says, and answers slices as ``tree_handler`` does."""

    tree: Tree
    node_s: float = 0.05
    """How long a node takes to begin."""
    calls: int = 0
    under_way: int = 0
    most_under_way: int = 0
    slices: list[int] = field(default_factory=list)
    """The sizes of the slices that came."""
    throttles: dict[int, int] = field(default_factory=dict)
    """How often a payload's call is throttled yet, by its number."""

    async def call(self, payload: bytes) -> Answer:
        event = orjson.loads(payload)
        if isinstance(event, dict) and self.throttles.get(event.get("n", -1), 0) > 0:
            self.throttles[event["n"]] -= 1
            return Answer(Invoked.failed(Kind.THROTTLED, "TooManyRequestsException", "Rate exceeded"), throttled=True)
        self.calls += 1
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            if NODE_KEY in event:
                return await self._node(SimpleNamespace(**event[NODE_KEY]))
            return await self._one(event)
        finally:
            self.under_way -= 1

    async def _one(self, event: dict[str, Any]) -> Answer:
        await asyncio.sleep(event.get("takes_s", 0.1))
        if "raises" in event:
            return Answer(Invoked.failed(Kind.FUNCTION, event["raises"], "as told"))
        return Answer(Invoked(value=event["n"]))

    async def _node(self, node: SimpleNamespace) -> Answer:
        self.slices.append(len(node.payloads))
        self.under_way -= 1  # a node only waits
        await asyncio.sleep(self.node_s)
        budget = Budget(depth=node.depth, invocations=node.invocations, deadline=node.deadline)
        engine = self.engine(node.concurrency, Tree(threshold=node.threshold, fan_out=node.fan_out))
        results = await engine.run(node.payloads, budget)
        self.under_way += 1
        return Answer(Invoked(value={RESULTS_KEY: [result.to_json() for result in results]}))

    def engine(self, concurrency: int, tree: Tree | None = None) -> Engine:
        return Engine(self.call, concurrency, tree or self.tree, now, uniform=lambda _, most: most)

    def invoke(self, payloads: list[Any], *, concurrency: int = 10, timeout_s: float = 10.0) -> list[Invoked]:
        tree = self.tree

        async def invoke() -> list[Invoked]:
            budget = Budget(depth=tree.depth, invocations=tree.invocations, deadline=now() + timeout_s)
            return await self.engine(concurrency).run(payloads, budget)

        return run(invoke)
