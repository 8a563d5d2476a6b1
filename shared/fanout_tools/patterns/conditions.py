"""What a pattern asks of an event, in the form that matching works on: any of some conjunctions.

A :class:`Condition` is one field of the pattern with the values wanted there, any of which will do. A
conjunction is a tuple of conditions on different fields, all of which must hold. A pattern without ``$or`` is
one conjunction.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fanout_tools.patterns.leaves import Leaf, Leaves, Path, Reader, reader, token
from fanout_tools.patterns.predicates import Predicate, one_of
from fanout_tools.patterns.refusal import quoted

__all__ = ["Condition", "Conjunction"]


@dataclass(frozen=True, slots=True)
class Condition:
    """One field, and the values wanted there. Conditions that ask the same are equal, and hash alike."""

    path: Path
    exact: frozenset[Any]
    """The plain values wanted, as tokens."""
    predicates: tuple[Predicate, ...]
    """The operators' predicates."""
    absent: bool
    """Whether the field may be absent (``{"exists": false}``)."""
    wanted: str = field(compare=False)
    """What is wanted, in words."""
    read: Reader = field(init=False, compare=False, repr=False)
    order: bytes = field(init=False, compare=False, repr=False)
    """Sorts conditions as Event Ruler does: by the dotted path, in UTF-16."""
    accepts: Callable[[Any], bool] = field(init=False, compare=False, repr=False)
    """Whether one leaf is one of the values wanted."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "read", reader(self.path))
        object.__setattr__(self, "order", ".".join(self.path).encode("utf-16-be", "surrogatepass"))
        object.__setattr__(self, "accepts", self._compile())

    def _compile(self) -> Callable[[Any], bool]:
        exact, tests = self.exact, tuple(predicate.test for predicate in self.predicates)
        if not tests:
            return lambda leaf: token(leaf) in exact
        if not exact and len(tests) == 1:
            return tests[0]
        return lambda leaf: token(leaf) in exact or any(test(leaf) for test in tests)

    def accepts_any(self, leaves: Leaves) -> bool:
        """Whether the field may satisfy the condition, for a field that has not exactly one leaf.

        In an array the field may count as absent all the same: :mod:`fanout_tools.patterns.arrays` decides.
        """
        if self.absent and (leaves.through_array or not leaves):
            return True
        return any(map(self.accepts, leaves))

    @classmethod
    def of(cls, path: Path, values: list[Leaf], predicates: list[Predicate], absent: bool) -> "Condition":
        """The condition on a field that may be one of ``values``, satisfy a predicate, or be absent."""
        words = [*map(quoted, values), *(predicate.wanted for predicate in predicates)]
        if absent:
            words.append("the field to be absent")
        return cls(path, frozenset(map(token, values)), tuple(predicates), absent, one_of(words))


Conjunction = tuple[Condition, ...]
