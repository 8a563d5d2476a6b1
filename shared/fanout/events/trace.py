"""W3C Trace Context (https://www.w3.org/TR/trace-context/) of an event: made, carried on, read."""

import os
import re

__all__ = ["child_traceparent", "new_traceparent", "trace_id"]

# An id of zeros alone is none.
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")


def new_traceparent() -> str:
    """The context of a new trace, sampled."""
    return f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-01"


def child_traceparent(parent: str | None) -> str:
    """The context of a new span in the parent's trace; of a new trace where the parent is none or malformed, as the
    standard demands."""
    found = _TRACEPARENT.fullmatch(parent or "")
    if found is None:
        return new_traceparent()
    return f"00-{found[1]}-{os.urandom(8).hex()}-{found[2]}"


def trace_id(traceparent: str | None) -> str | None:
    """The id of the trace, 32 hexadecimal digits; None where there is none."""
    found = _TRACEPARENT.fullmatch(traceparent or "")
    return found[1] if found else None
