"""The root of what the tools raise for what their user can fix. It needs nothing installed: set-up raises it, too.

What is wrong with a declaration, a contract or a plan is a :class:`fanout.errors.FanoutError`, here as in Lambda.
"""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["ToolError", "near_miss"]


class ToolError(Exception):
    """A tool cannot do its work; the text names the thing and the fix."""


def near_miss(name: str, known: Iterable[str]) -> str:
    """``did you mean X? `` where a known name is near, else nothing: to stand before what else can be done."""
    near = get_close_matches(name, list(known), 1)
    return f"did you mean {near[0]}? " if near else ""
