"""No event has its effect twice: locks by event and worker, in calls per batch instead of per record.

``store`` says what a store promises, ``dynamodb`` is the one of production, ``memory`` the one of tests, which is
imported by its own name: a function has no use for it.
"""

from fanout.idempotency.dynamodb import DynamoDBStore
from fanout.idempotency.store import Completion, Lock, LockState, Release, Request, Store, fingerprint, storable

__all__ = [
    "Completion",
    "DynamoDBStore",
    "Lock",
    "LockState",
    "Release",
    "Request",
    "Store",
    "fingerprint",
    "storable",
]
