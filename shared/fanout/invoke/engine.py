"""Invocations at once, within a concurrency and a deadline: the one engine of the sync and the async API."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from math import ceil
from typing import Any, Self

import orjson

__all__ = [
    "MAX_PAYLOAD_BYTES",
    "NODE_KEY",
    "RESULTS_KEY",
    "Answer",
    "Budget",
    "Caller",
    "Engine",
    "Failure",
    "Invoked",
    "Kind",
    "Slice",
    "Tree",
    "slices",
]

MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
"""Of a synchronous invocation, each way (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""

NODE_BYTES = 1_024
"""What a slice's payload holds beside its payloads, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """When and how to spread.

    :raises ValueError: a bound makes no sense.
    """

    threshold: int = 100
    """Up to so many payloads are invoked directly."""
    fan_out: int = 20
    """Slices of one node, at most."""
    depth: int = 2
    """Levels of slices, at most."""
    invocations: int = 10_000
    """Of the whole tree, its own nodes included."""

    def __post_init__(self) -> None:
        if min(self.threshold, self.invocations) < 1 or self.fan_out < 2 or self.depth < 0:
            raise ValueError(f"{self}: threshold and invocations are at least 1, fan_out 2, depth 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What one node may use."""

    depth: int
    """Levels of further nodes."""
    invocations: int
    """Calls that it and all below it may make."""
    deadline: float
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A run of the payloads for one node, with the invocations that it may make."""

    start: int
    stop: int
    invocations: int


def slices(sizes: Sequence[int], tree: Tree, budget: Budget) -> list[Slice] | None:
    """The slices of payloads of these sizes in bytes; None to invoke each payload directly.

    Each slice costs an invocation itself; what is left is shared by the number of payloads. A payload for which there
    is no share is in no slice.
    """
    if len(sizes) <= tree.threshold or budget.depth < 1:
        return None
    runs = list(_runs(sizes, max(2, min(tree.fan_out, ceil(len(sizes) / tree.threshold)))))
    left = budget.invocations - len(runs)
    if left < len(runs):
        return None  # too little for slices: as many as the budget gives are invoked directly
    shares = [left * (stop - start) // len(sizes) for start, stop in runs]
    return [Slice(start, stop, share) for (start, stop), share in zip(runs, shares, strict=True)]


def _runs(sizes: Sequence[int], count: int) -> Iterator[tuple[int, int]]:
    """Even runs, each halved until it fits an invocation."""
    step = ceil(len(sizes) / count)
    pending = [(start, min(start + step, len(sizes))) for start in range(0, len(sizes), step)][::-1]
    while pending:
        start, stop = pending.pop()
        if stop - start > 1 and sum(sizes[start:stop]) + (stop - start) + NODE_BYTES > MAX_PAYLOAD_BYTES:
            middle = (start + stop) // 2
            pending += [(middle, stop), (start, middle)]
        else:
            yield start, stop


class Kind(StrEnum):
    """Why an invocation has no value."""

    FUNCTION = "function"
    """The function raised, or its process died."""
    THROTTLED = "throttled"
    """Lambda had no concurrency for it until the deadline; it has not run."""
    TIMED_OUT = "timed out"
    """No answer by the deadline; it may have run, or be running."""
    REFUSED = "refused"
    """Lambda did not take it: too large, no such function, no permission. It has not run."""
    UNREACHABLE = "unreachable"
    """The connection failed; it may have run."""
    OVER_BUDGET = "over budget"
    """The budget of invocations was used up; it has not run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an invocation has no value, and whether it has run."""

    kind: Kind
    """Which of the reasons, and so whether it has run."""
    type: str
    """The exception's class in the function, or AWS's error code."""
    message: str
    """The exception's text, or AWS's."""
    trace: tuple[str, ...] = ()
    """The function's stack trace, where it raised."""

    def __str__(self) -> str:
        return f"{self.kind}: {self.type}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoked:
    """The answer to one payload: a value, or a failure."""

    value: Any = None
    """What the function returned: JSON values. None when it failed."""
    failure: Failure | None = None
    """None when it returned."""

    @property
    def ok(self) -> bool:
        """Whether the function returned."""
        return self.failure is None

    def to_json(self) -> dict[str, Any]:
        """As a node of a tree writes it into its answer."""
        return {"value": self.value} if self.failure is None else {"failure": asdict(self.failure)}

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> Self:
        """What :meth:`to_json` wrote."""
        failure = written.get("failure")
        if failure is None:
            return cls(value=written.get("value"))
        kind, trace = Kind(failure["kind"]), tuple(failure["trace"])
        return cls(failure=Failure(kind=kind, type=failure["type"], message=failure["message"], trace=trace))

    @classmethod
    def failed(cls, kind: Kind, type: str, message: str) -> Self:  # noqa: A002 - the word of Lambda's errorType
        """Without a value, for this reason."""
        return cls(failure=Failure(kind=kind, type=type, message=message))


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
