"""What a rule has to say against a plan."""

from dataclasses import dataclass

__all__ = ["Finding"]


@dataclass(frozen=True, kw_only=True, order=True)
class Finding:
    """One thing that is wrong with a plan."""

    address: str
    """The resource to fix."""
    rule: str
    """Which rule it breaks: the key by which ``allowed.yaml`` explains it."""
    problem: str
    fix: str
    value: str = ""
    """The action, ARN or principal that is too wide; empty where the rule is not on privilege."""

    def __str__(self) -> str:
        return f"{self.address}: {self.rule}: {self.problem}; {self.fix}"
