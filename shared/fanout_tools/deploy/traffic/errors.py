"""What goes wrong when traffic is shifted."""

from fanout_tools.errors import ToolError

__all__ = ["TrafficError"]


class TrafficError(ToolError):
    """New code does not get all of its traffic; the text names each worker, why, and where its traffic is."""
