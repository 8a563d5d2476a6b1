"""What goes wrong when traffic is shifted."""

__all__ = ["TrafficError"]


class TrafficError(Exception):
    """New code does not get all of its traffic; the text names each worker, why, and where its traffic is."""
