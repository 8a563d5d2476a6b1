"""The shop's storefront on a bus in memory; its workers end one after the other, a look at a time."""

import itertools
from typing import Any

from fanout.publish import Publisher
from fanout.publish.aio import AsyncPublisher
from services.storefront.app import create_app
from services.storefront.progress import Effect, Progress, State
from services.storefront.shop import Shop

_WORKERS = ("inventory", "billing", "notifications")


class Bus:
    """EventBridge's client, as far as a publisher needs it; takes all."""

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "e"} for _ in Entries]}


def _shop() -> Shop:
    looks = itertools.count()

    def read(_order_id: str) -> Progress:
        done = next(looks)
        states = {name: State.DONE if number < done else State.PENDING for number, name in enumerate(_WORKERS)}
        return Progress({name: Effect(state) for name, state in states.items()})

    return Shop(AsyncPublisher(Publisher(Bus(), "shop")), read=read)


app = create_app(_shop)
