"""What can go wrong before a plan is judged."""

__all__ = ["PlanError"]


class PlanError(Exception):
    """The plan cannot be made or read, or what explains its findings is wrong; the text names the mend."""
