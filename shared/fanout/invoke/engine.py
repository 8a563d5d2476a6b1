"""Invocations at once, within a concurrency and a deadline: the one engine of the sync and the async API."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from fanout.invoke.plan import MAX_PAYLOAD_BYTES, Budget, Slice, Tree, slices
from fanout.invoke.results import Invoked, Kind

__all__ = ["NODE_KEY", "RESULTS_KEY", "Answer", "Caller", "Engine"]

NODE_KEY = "fanout_slice"
"""What a payload for a node holds, and no other may: see :func:`fanout.invoke.tree_handler`."""

RESULTS_KEY = "fanout_results"

BACKOFF_BASE_S = 0.1
BACKOFF_CAP_S = 5.0

NODE_MARGIN_S = 0.5
"""How much earlier than its parent a node gives up, so that its partial results still arrive."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What Lambda said to one call."""

    result: Invoked
    throttled: bool = False


Caller = Callable[[bytes], Awaitable[Answer]]
"""Makes one call; raises nothing."""


@dataclass(frozen=True)
class Engine:
    """
    :param concurrency: calls under way at once.
    :param clock: seconds since 1970.
    """

    call: Caller
    concurrency: int
    tree: Tree
    clock: Callable[[], float]
    uniform: Callable[[float, float], float] = random.uniform

    async def run(self, payloads: Sequence[Any], budget: Budget) -> list[Invoked]:
        """A result for each payload, in order, by the deadline."""
        written = [_written(payload) for payload in payloads]
        at_once = asyncio.Semaphore(self.concurrency)
        planned = slices([len(w) for w in written if isinstance(w, bytes)], self.tree, budget)
        if planned is None:
            return await self._directly(written, budget, at_once)
        fit = [index for index, w in enumerate(written) if isinstance(w, bytes)]
        results: dict[int, Invoked] = {i: w for i, w in enumerate(written) if isinstance(w, Invoked)}
        bodies = [w for w in written if isinstance(w, bytes)]
        answers = await asyncio.gather(*(self._node(bodies[s.start : s.stop], s, budget, at_once) for s in planned))
        for part, answer in zip(planned, answers, strict=True):
            results |= zip(fit[part.start : part.stop], answer, strict=True)
        return [results[index] for index in range(len(payloads))]

    async def _directly(
        self, written: Sequence[bytes | Invoked], budget: Budget, at_once: asyncio.Semaphore
    ) -> list[Invoked]:
        left = budget.invocations
        tasks: list[Awaitable[Invoked]] = []
        for payload in written:
            if isinstance(payload, Invoked):
                tasks.append(_known(payload))
            elif left < 1:
                message = "the budget of invocations is used up; raise Tree.invocations"
                tasks.append(_known(Invoked.failed(Kind.OVER_BUDGET, "Budget", message)))
            else:
                left -= 1
                tasks.append(self._one(payload, budget.deadline, at_once))
        return await asyncio.gather(*tasks)

    async def _node(
        self, bodies: Sequence[bytes], part: Slice, budget: Budget, at_once: asyncio.Semaphore
    ) -> list[Invoked]:
        node = {
            "depth": budget.depth - 1,
            "invocations": part.invocations,
            "deadline": budget.deadline - NODE_MARGIN_S,
            "concurrency": self.concurrency,
            "threshold": self.tree.threshold,
            "fan_out": self.tree.fan_out,
        }
        head = orjson.dumps({NODE_KEY: node})
        payload = head[:-2] + b',"payloads":[' + b",".join(bodies) + b"]}}"
        answer = await self._one(payload, budget.deadline, at_once)
        if not answer.ok:
            return [answer] * len(bodies)
        results = answer.value.get(RESULTS_KEY) if isinstance(answer.value, dict) else None
        if not isinstance(results, list) or len(results) != len(bodies):
            message = "the function does not answer a slice; wrap its handler in fanout.invoke.tree_handler"
            return [Invoked.failed(Kind.FUNCTION, "NoTreeHandler", message)] * len(bodies)
        return [Invoked.from_json(result) for result in results]

    async def _one(self, payload: bytes, deadline: float, at_once: asyncio.Semaphore) -> Invoked:
        last = Invoked.failed(Kind.TIMED_OUT, "Deadline", "not begun: the calls before it took until the deadline")
        try:
            async with asyncio.timeout(max(0.0, deadline - self.clock())), at_once:
                last = Invoked.failed(Kind.TIMED_OUT, "Deadline", "no answer by the deadline")
                attempt = 0
                while (answer := await self.call(payload)).throttled:
                    last, attempt = answer.result, attempt + 1
                    await asyncio.sleep(self.uniform(0, min(BACKOFF_CAP_S, BACKOFF_BASE_S * 2.0 ** min(attempt, 10))))
                return answer.result
        except TimeoutError:
            return last


async def _known(result: Invoked) -> Invoked:
    return result


def _written(payload: Any) -> bytes | Invoked:
    """The payload as JSON, or why it is none that Lambda takes."""
    if isinstance(payload, dict) and NODE_KEY in payload:
        return Invoked.failed(
            Kind.REFUSED, "ReservedKey", f"{NODE_KEY} is the key of fanout's own slices; rename yours"
        )
    try:
        written = orjson.dumps(payload)
    except TypeError as error:
        return Invoked.failed(Kind.REFUSED, "NotJson", f"the payload is not JSON values: {error}")
    if len(written) > MAX_PAYLOAD_BYTES:
        message = f"{len(written):,} bytes; Lambda takes at most {MAX_PAYLOAD_BYTES:,}: pass an S3 key instead"
        return Invoked.failed(Kind.REFUSED, "PayloadTooLarge", message)
    return written
