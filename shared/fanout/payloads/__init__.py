"""Claim check: data too large for an event's way lie in S3, and the event carries the reference to them.

The publisher deposits them before it sends the event (:mod:`fanout.payloads.store`); a worker fetches them before
anything else looks at the event (:mod:`fanout.payloads.fetching`).
"""

from fanout.payloads.store import ClaimCheck

__all__ = ["ClaimCheck"]
