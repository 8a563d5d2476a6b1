"""Environments in virtual time, for tests and for the simulator: nothing but the moments at which things
happen.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

from fanout_router.invokers.base import Ending, InvocationRequest, Result


class Timeline:
    """Virtual time and what is due in it."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._count = 0

    def __call__(self) -> float:
        return self.now

    def after(self, seconds: float, act: Callable[[], object]) -> None:
        """Call ``act`` in ``seconds``; what is due at the same moment happens in the order it was asked
        for.
        """
        self._count += 1
        heapq.heappush(self._due, (self.now + seconds, self._count, act))

    def run(self, until: float) -> None:
        """Let time pass."""
        while self._due and self._due[0][0] <= until:
            self.now, _, act = heapq.heappop(self._due)
            act()
        self.now = until


@dataclass(slots=True)
class Invocation:
    """One invocation under way; end it once."""

    order: InvocationRequest
    done: Callable[[Result], object] = field(repr=False)
    ended: bool = False

    def end(self, ending: Ending = Ending.COMPLETED, detail: str = "", served: int = 0) -> None:
        """The invocation returns."""
        if not self.ended:
            self.ended = True
            self.done(Result(ending=ending, detail=detail, summary={"served": served}))


class FakeInvoker:
    """Writes invocations down; ``on_invoke`` plays the environment."""

    def __init__(self, on_invoke: Callable[[Invocation], object] = lambda _: None) -> None:
        self.invocations: list[Invocation] = []
        self.on_invoke = on_invoke

    def invoke(self, order: InvocationRequest, done: Callable[[Result], object]) -> None:
        """See :class:`fanout_router.invokers.Invoker`."""
        invocation = Invocation(order, done)
        self.invocations.append(invocation)
        self.on_invoke(invocation)

    async def close(self, patience_s: float = 10.0) -> None:
        """Nothing is to be waited for."""
