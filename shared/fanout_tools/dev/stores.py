"""What the workers' cores remember, in memory: the same records that DynamoDB would hold, and as its items."""

from __future__ import annotations

from typing import Any

from fanout.gather.memory import MemoryGatherStore
from fanout.idempotency.items import COMPLETED, IN_PROGRESS, RELEASED, Item
from fanout.idempotency.memory import MemoryStore
from fanout.idempotency.store import LockState

__all__ = ["LocalGathers", "LocalRecords"]


class LocalRecords(MemoryStore):
    """A worker's idempotency store, that can be looked into, and freed, by the key of an event."""

    def item(self, key: str) -> Item | None:
        """The record as DynamoDB's store writes it; None: there is none, or it has been forgotten."""
        found = self._items.get(key)
        if found is None or found.expires <= self._clock():
            return None
        completed = found.state is LockState.COMPLETED or found.batch in self._whole
        status = COMPLETED if completed else RELEASED if found.state is LockState.RELEASED else IN_PROGRESS
        locked_ms = 0 if status == RELEASED else int(found.locked_until * 1000)
        return {
            "id": {"S": key},
            "owner": {"S": found.owner},
            "status": {"S": status},
            "expiration": {"N": str(int(found.expires))},
            "in_progress_expiration": {"N": str(locked_ms)},
            "validation": {"S": found.fingerprint},
            "tries": {"N": str(found.tries)},
            "pending": {"S": found.pending.decode()},
        }

    def free(self, key: str, owner: str) -> bool:
        """Let an event that a process left locked begin anew; whether it was so."""
        found = self._items.get(key)
        held = found is not None and found.state is LockState.ACQUIRED and found.locked_until < self._clock()
        if found is None or not held or found.owner != owner:
            return False
        found.state, found.tries, found.shared = LockState.RELEASED, 0, 0
        return True

    def forget(self, key: str, owner: str) -> bool:
        """Forget an event; whether that owner's record was there."""
        found = self._items.get(key)
        if found is None or found.owner != owner:
            return False
        del self._items[key]
        return True


class LocalGathers(MemoryGatherStore):
    """A worker's scatter-gathers, that can be looked into."""

    def item(self, gather_id: str) -> Item | None:
        """As DynamoDB's store writes it."""
        found = self.gathers.get(gather_id)
        if found is None:
            return None
        item: dict[str, Any] = {
            "gather_id": {"S": gather_id},
            "item": {"S": "gather"},
            "into": {"S": found.into},
            "total": {"N": str(found.total)},
            "due_at": {"N": repr(found.due_at)},
            "compensates": {"BOOL": found.compensates},
        }
        if found.done:
            item["done"] = {"NS": [str(each) for each in sorted(found.done)]}
        if found.closed_by is not None:
            item["closed_by"] = {"S": found.closed_by}
        return item
