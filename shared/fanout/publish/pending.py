"""The receipts of ``publish_all``: an iterator that reports when it was never iterated over."""

from __future__ import annotations

import logging
import warnings
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from typing import Self

from fanout.publish.receipts import Receipt

__all__ = ["AsyncReceipts", "Receipts"]

log = logging.getLogger(__name__)

NOTHING_PUBLISHED = (
    "publish_all was called and its receipts were never iterated over: nothing was published; "
    "write `for receipt in publisher.publish_all(events)` and look at each receipt's error"
)


class _Complaining:
    _begun = False

    def __del__(self) -> None:
        if not self._begun:
            log.error(NOTHING_PUBLISHED)
            warnings.warn(NOTHING_PUBLISHED, ResourceWarning, stacklevel=2, source=self)


class Receipts(_Complaining, Iterator[Receipt]):
    """Publishes while it is iterated over."""

    def __init__(self, receipts: Generator[Receipt, None, None]) -> None:
        self._receipts = receipts

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Receipt:
        self._begun = True
        return next(self._receipts)

    def close(self) -> None:
        """Take no further events; wait for the calls under way."""
        self._begun = True
        self._receipts.close()


class AsyncReceipts(_Complaining, AsyncIterator[Receipt]):
    """Publishes while it is iterated over."""

    def __init__(self, receipts: AsyncGenerator[Receipt, None]) -> None:
        self._receipts = receipts

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Receipt:
        self._begun = True
        return await anext(self._receipts)

    async def aclose(self) -> None:
        """Take no further events; wait for the calls under way."""
        self._begun = True
        await self._receipts.aclose()
