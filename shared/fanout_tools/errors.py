"""The root of what the tools raise for what their user can fix. It needs nothing installed: set-up raises it, too.

What is wrong with a declaration, a contract or a plan is a :class:`fanout.errors.FanoutError`, here as in Lambda.
"""

__all__ = ["ToolError"]


class ToolError(Exception):
    """A tool cannot do its work; the text names the thing and the fix."""
