"""Why an event does, or does not, match a pattern."""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from fanout_tools.patterns.leaves import is_object
from fanout_tools.patterns.refusal import quoted

__all__ = ["ABSENT", "Explanation"]


class _Absent(Enum):
    ABSENT = "absent"

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent.ABSENT
"""The value of a field that the event does not have, as a leaf; None is a JSON null."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer to "why did this event (not) match?"; ``str()`` of it is one sentence for people."""

    matched: bool
    path: str | None = None
    """The first field that failed, its names joined by dots; None if the event matched."""
    value: Any = ABSENT
    """What the event has there: a leaf, a list, an object (which no pattern matches), or :data:`ABSENT`."""
    wanted: str | None = None
    """What the pattern wanted there, in words."""

    def __str__(self) -> str:
        if self.matched:
            return "every field of the pattern matches"
        return f"{self.path} is {self._had()}; wanted {self.wanted}"

    def _had(self) -> str:
        if self.value is ABSENT:
            return "absent"
        if is_object(self.value):
            return "an object, not a value"
        return "an empty array" if self.value == [] else quoted(self.value)
