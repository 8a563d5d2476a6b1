"""Claim check: data too large for an event's way lie in S3, and the event carries the reference to them.

The publisher deposits them before it sends the event (:mod:`fanout.claimcheck.store`); a worker fetches them before
anything else looks at the event (:mod:`fanout.claimcheck.fetching`).
"""

from fanout.claimcheck.store import ClaimCheck

__all__ = ["ClaimCheck"]
