"""What the storefront works with: the bus it publishes to, and the tables in which the workers leave their effects."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

from botocore.exceptions import BotoCoreError, ClientError

from contracts.orders import OrderPlaced
from fanout.errors import DeclarationError, PublishError
from fanout.publish import Publisher, Receipt, wrap
from fanout.publish.aio import AsyncPublisher
from services.storefront.problems import Problem
from services.storefront.progress import Progress, UnreadError, read

__all__ = ["Shop"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shop:
    """Its parts; tests give their own."""

    bus: AsyncPublisher
    read: Callable[[str], Progress] = read
    """What the workers have done for an order so far; blocks."""
    clock: Callable[[], float] = time.time
    """Seconds since 1970."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    @classmethod
    def connect(cls) -> Shop:
        """The shop of this deployment.

        :raises DeclarationError: the environment names no bus.
        """
        try:
            return cls(AsyncPublisher(Publisher.connect(os.environ["FANOUT_BUS"])))
        except KeyError:
            raise DeclarationError("storefront: FANOUT_BUS is not set; name the bus that it publishes to") from None

    async def progress(self, order_id: str) -> Progress:
        """What the workers have done for an order so far, without holding up the event loop.

        :raises Problem: their tables cannot be read now.
        """
        try:
            return await asyncio.to_thread(self.read, order_id)
        except (BotoCoreError, ClientError, UnreadError) as error:
            _log.warning("order %s: its progress cannot be read: %s", order_id, error)
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "the tables cannot be read now; ask again") from error

    async def publish(self, order: OrderPlaced) -> Receipt:
        """Put an order on the bus. Its event has the order's own id, so that nobody handles it twice.

        :raises Problem: the bus did not take it.
        """
        try:
            return await self.bus.publish(wrap(order, event_id=order.order_id, subject=order.customer_id))
        except PublishError as error:
            _log.warning("order %s: %s", order.order_id, error)
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "the order was not taken; place it again") from error

    async def close(self) -> None:
        """Wait for the calls under way."""
        await self.bus.close()
