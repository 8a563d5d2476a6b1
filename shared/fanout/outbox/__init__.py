"""Outbox: an event written in the caller's own DynamoDB transaction, and published from the table's stream.

What was committed is published, and nothing that was not; a crash can come between no two of them::

    dynamodb.transact_write_items(TransactItems=[my_write, outbox.put(OrderPlaced(...))])

A worker that says ``outbox: true`` in its ``worker.yaml`` may do so. The relay (:mod:`fanout.outbox.relay`) publishes
at least once; subscribers suppress a second copy by its ``event_id``.
"""

from fanout.outbox.items import put

__all__ = ["put"]
