"""How many messages are in queues: Amazon SQS counts approximately, and says so up to a minute late
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fanout_tools.operate.fast import MISSING, Fast, FastError

__all__ = ["Depth", "depths"]

COUNTS = "ApproximateNumberOfMessages"


@dataclass(frozen=True, slots=True)
class Depth:
    """Messages in one queue."""

    waiting: int = 0
    in_flight: int = 0
    delayed: int = 0
    """Not to be had yet: a gather's deadline."""

    @property
    def held(self) -> int:
        """Those that wait, and those in somebody's hands."""
        return self.waiting + self.in_flight


async def depths(fast: Fast, urls: Iterable[str]) -> Mapping[str, Depth | None]:
    """The depth of each queue, by its URL; None where there is no such queue."""
    asked = list(dict.fromkeys(urls))
    return dict(zip(asked, await asyncio.gather(*(_depth(fast, url) for url in asked)), strict=True))


async def _depth(fast: Fast, url: str) -> Depth | None:
    names = [COUNTS, f"{COUNTS}NotVisible", f"{COUNTS}Delayed"]
    try:
        answer = await fast.call("sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=names)
    except FastError as error:
        if error.code in MISSING:
            return None
        raise
    return Depth(*(int(answer["Attributes"].get(name, 0)) for name in names))
