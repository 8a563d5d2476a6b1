"""Put events on a bus: validated, in full batches, concurrently, and each one answered for.

The asynchronous form is :mod:`fanout.publish.aio`, apart because asyncio would slow down every worker's cold start.
"""

from fanout.publish.publisher import Publisher
from fanout.publish.receipts import Receipt
from fanout.publish.routes import Route, Routes
from fanout.publish.sealing import seal

__all__ = ["Publisher", "Receipt", "Route", "Routes", "seal"]
