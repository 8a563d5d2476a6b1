"""The generated edits that no cell notices, each with why it breaks no promise of the matrix."""

from __future__ import annotations

__all__ = ["UNNOTICED"]

_CALLS_ONLY = "it costs calls only"
_LOCKS = "processing/locks.py"
_SETTLEMENT = "processing/settlement.py"
_BATCH = "processing/batch.py"
_DYNAMODB = "idempotency/dynamodb.py"

UNNOTICED = {
    f"{_LOCKS}: _whole: held always `d.lock is not None and d.lock.state is LockState.ACQUIRED`": (
        f"a batch with further records of its events has no mark, and each event is recorded by itself: {_CALLS_ONLY}"
    ),
    f"{_LOCKS}: _whole: held always `delivery.lock is not None`": "for the type checker: the list has no others",
    f"{_LOCKS}: take_over: left out `self._note_sizes(locks)`": (
        f"a batch that is taken over has no mark, and each event is recorded by itself: {_CALLS_ONLY}"
    ),
    f"{_LOCKS}: take: left out `self._unanswered.clear()`": (
        f"locks are given back once more, on condition of an owner who is gone by then: {_CALLS_ONLY}"
    ),
    f"{_LOCKS}: _complete: left out `delivery.lock is not None`": "for the type checker: what was handled has a lock",
    f"{_LOCKS}: _forget_published: left out `delivery.committed or delivery.lock is None`": (
        f"what was never pending is forgotten: {_CALLS_ONLY}"
    ),
    f"{_LOCKS}: _groups: held always `group.deliveries`": "a group of nothing does nothing",
    f"{_SETTLEMENT}: _reject_late: left out `delivery.reject(_cause(delivery))`": (
        "no cell has an outage of as many receives as the backstop; test_settlement.py holds it"
    ),
    f"{_SETTLEMENT}: _wanted_s: inverted `delivery.begun`": "the delay is random all the same: it costs time only",
    f"{_SETTLEMENT}: _chunks: left out `chunk`": "a record alone is over 1 MiB only with attributes that SQS refuses",
    f"{_BATCH}: _publish: left out `delivery.published`": "the loop over nothing does the same",
    f"{_BATCH}: _expire: left out `self._expire_at(delivery, limit)`": (
        "no event of the matrix expires; test_batch.py holds it"
    ),
    f"{_BATCH}: process: left out `self._expire(deliveries)`": "no event of the matrix expires; test_batch.py holds it",
    f"{_DYNAMODB}: acquire: left out `self._one_write`": (
        f"an event of strict mode names a batch that never has a mark: {_CALLS_ONLY}"
    ),
    f"{_DYNAMODB}: _has_committed: left out `not isinstance(found, tuple)`": (
        "a look-up that fails raises another error: the commit is a failed try with either"
    ),
    f"{_DYNAMODB}: _look_up: left out `self._may_be_whole(item)`": f"marks are read that nobody needs: {_CALLS_ONLY}",
    f'{_DYNAMODB}: take_over: held always `error and error[0] == "ConditionalCheckFailed"`': (
        f"more is looked up than was lost, and read only where it was: {_CALLS_ONLY}"
    ),
}
"""By the edit's text."""
