"""The core that every worker imports: declare an event, handle it, publish it.

Heavier parts (the manifest's model, patterns, the operator's command line) are imported from their own modules.
"""

import os
from typing import TYPE_CHECKING, Any

# Nobody's pydantic plugin is in a function's package, and looking for one takes a tenth of a cold import.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

from fanout.errors import (
    ContractError,
    DeclarationError,
    EventError,
    FanoutError,
    ManifestError,
    PatternError,
    PublishError,
)
from fanout.events.envelope import Envelope
from fanout.events.event import Event
from fanout.events.personal import Personal
from fanout.events.upcasting import upcasts
from fanout.outcomes import Outcome, Reject, Retry, reject, retry
from fanout.processing.context import Context
from fanout.publish import wrap
from fanout.worker import Worker

if TYPE_CHECKING:
    from fanout.gather.state import AggregateResult, Part
    from fanout.publish import Publisher, Receipt

__all__ = [
    "AggregateResult",
    "Context",
    "ContractError",
    "DeclarationError",
    "Envelope",
    "Event",
    "EventError",
    "FanoutError",
    "ManifestError",
    "Outcome",
    "Part",
    "PatternError",
    "Personal",
    "PublishError",
    "Publisher",
    "Receipt",
    "Reject",
    "Retry",
    "Worker",
    "reject",
    "retry",
    "upcasts",
    "wrap",
]


_ON_FIRST_USE = {
    "AggregateResult": "fanout.gather.state",
    "Part": "fanout.gather.state",
    "Publisher": "fanout.publish",
    "Receipt": "fanout.publish",
}
"""Names that most workers do not import, and where they are."""


def __getattr__(name: str) -> Any:
    if name in _ON_FIRST_USE:
        from importlib import import_module

        return getattr(import_module(_ON_FIRST_USE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
