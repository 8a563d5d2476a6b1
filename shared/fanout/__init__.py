"""The core that every worker imports: declare an event, handle it, publish it.

Heavier parts (the manifest's model, patterns, the operator's command line) are imported from their own modules.
"""

from fanout.context import Context
from fanout.envelope import Envelope
from fanout.errors import (
    ContractError,
    DeclarationError,
    EventError,
    FanoutError,
    ManifestError,
    PatternError,
    PublishError,
)
from fanout.event import Event
from fanout.gather.state import Gathered, Part
from fanout.outcomes import Outcome, Reject, Retry
from fanout.policies import reject, retry
from fanout.publish import Publisher, Receipt
from fanout.upcasting import upcasts
from fanout.worker import Worker

__all__ = [
    "Context",
    "ContractError",
    "DeclarationError",
    "Envelope",
    "Event",
    "EventError",
    "FanoutError",
    "Gathered",
    "ManifestError",
    "Outcome",
    "Part",
    "PatternError",
    "PublishError",
    "Publisher",
    "Receipt",
    "Reject",
    "Retry",
    "Worker",
    "reject",
    "retry",
    "upcasts",
]
