"""Put events on a bus: validated, in full batches, concurrently, and each one answered for.

The asynchronous form is :mod:`fanout.publish.aio`, apart because asyncio would slow down every worker's cold start.
The publisher itself is imported on first use for the same reason: most workers publish nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fanout.events.wrap import wrap

if TYPE_CHECKING:
    from fanout.publish.batches import Receipt
    from fanout.publish.publisher import Publisher
    from fanout.publish.routes import Route, Routes

__all__ = ["Publisher", "Receipt", "Route", "Routes", "wrap"]

_HOMES = {"Publisher": "publisher", "Receipt": "batches", "Route": "routes", "Routes": "routes"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
