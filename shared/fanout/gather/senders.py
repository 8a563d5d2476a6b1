"""Who puts messages straight into a gathering worker's queue, and what it takes of each.

A worker with ``parts_of`` may send to the queue of the worker that gathers, and IAM knows no contents: were it taken
over, it could send any event. What comes from another function of the deployment is therefore the report of a part, in
the form that :meth:`fanout.gather.parts.Gathering.report` gives it, or goes to the DLQ unread. What such a report says
of a gather is checked by that gather: see :meth:`fanout.gather.engine.Aggregator.on_part_reported`.

SQS tells of each message which role's session sent it, as ``<role id>:<session>``, and Lambda names the sessions of a
function by the function's name; the sender chooses neither. Messages that SNS, EventBridge or people send have other
senders. A message that an operator sends again from the DLQ is the operator's: the core has written its first sender
into an attribute, which a redrive keeps. The attribute can but take rights away, so that nobody gains by forging it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fanout.errors import EventError
from fanout.gather.state import Part
from fanout.gather.timers import PartReported, report_id

if TYPE_CHECKING:
    from fanout.events.envelope import Envelope
    from fanout.processing.delivery import Delivery, Record

__all__ = ["Senders"]


class Senders:
    """The senders of one worker's messages.

    :param namespace: the deployment's, with which the names of all its functions begin.
    """

    def __init__(self, namespace: str, worker: str) -> None:
        self._functions = f"{namespace}-"
        self._own = f"{namespace}-{worker}"

    def other(self, record: Record) -> str | None:
        """The other function of the deployment that sent the record; None where it came another way."""
        session = record.sender_id.rpartition(":")[2] if record.sender_id else ""
        for name in (session, record.sent_by or ""):
            if name.startswith(self._functions) and name != self._own:
                return name
        return None

    def admit(self, delivery: Delivery, sender: str) -> None:
        """Reject what the sender sent, unless it is the report of a part. Nothing in it is used then: not even a gather
        is told that a part of it failed."""
        delivery.sent_by = sender
        if delivery.envelope is None or not _is_report(delivery.envelope):
            delivery.envelope = None
            delivery.reject(EventError(f"{sender} sent it into the queue, and may report parts of gathers there alone"))


def _is_report(envelope: Envelope) -> bool:
    metadata, data = envelope.metadata, envelope.data
    if envelope.identifier != PartReported.contract.identifier or metadata.claim or metadata.gather:
        return False
    try:
        part = Part(index=data["index"], result=data.get("result"), error=data.get("error"))
        # A free id could be another report's, which would then be rejected as tampered with.
        return metadata.event_id == report_id(data["gather_id"], part)
    except (KeyError, TypeError):
        return False
