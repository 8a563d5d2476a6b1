"""What stands against writing a piece of a project."""

from fanout_tools.errors import ToolError

__all__ = ["ScaffoldError"]


class ScaffoldError(ToolError):
    """A name cannot be used, or what is to be written is there already; nothing was written."""
