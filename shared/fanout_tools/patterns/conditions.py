"""What a pattern asks of an event, in the form that matching works on: any of some conjunctions.

A :class:`Condition` is one field of the pattern with the values wanted there, any of which will do. A
conjunction is a tuple of conditions on different fields, all of which must hold. A pattern without ``$or`` is
one conjunction.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fanout_tools.patterns.leaves import Event, Leaf, Leaves, Path, Reader, elements, is_object, reader, token
from fanout_tools.patterns.predicates import Predicate, one_of
from fanout_tools.patterns.refusal import quoted

__all__ = ["Condition", "Conjunction", "from_one_element"]


@dataclass(frozen=True, slots=True)
class Condition:
    """One field, and the values wanted there. Conditions that ask the same are equal, and hash alike."""

    path: Path
    exact: frozenset[Any]
    """The plain values wanted, as tokens."""
    predicates: tuple[Predicate, ...]
    """The operators' predicates."""
    absent: bool
    """Whether the field may be absent (``{"exists": false}``). It is judged over the whole event: in an array
    of objects, one element that has the field is enough for it to be present."""
    wanted: str = field(compare=False)
    """What is wanted, in words."""
    read: Reader = field(init=False, compare=False, repr=False)
    accepts: Callable[[Any], bool] = field(init=False, compare=False, repr=False)
    """Whether one leaf is one of the values wanted."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "read", reader(self.path))
        object.__setattr__(self, "accepts", self._compile())

    def _compile(self) -> Callable[[Any], bool]:
        exact, tests = self.exact, tuple(predicate.test for predicate in self.predicates)
        if not tests:
            return lambda leaf: token(leaf) in exact
        if not exact and len(tests) == 1:
            return tests[0]
        return lambda leaf: token(leaf) in exact or any(test(leaf) for test in tests)

    def accepts_any(self, leaves: Leaves) -> bool:
        """Whether the field satisfies the condition, for a field that has not exactly one leaf."""
        return any(map(self.accepts, leaves)) if leaves else self.absent

    @classmethod
    def of(cls, path: Path, values: list[Leaf], predicates: list[Predicate], absent: bool) -> "Condition":
        """The condition on a field that may be one of ``values``, satisfy a predicate, or be absent."""
        words = [*map(quoted, values), *(predicate.wanted for predicate in predicates)]
        if absent:
            words.append("the field to be absent")
        return cls(path, frozenset(map(token, values)), tuple(predicates), absent, one_of(words))


Conjunction = tuple[Condition, ...]


@dataclass(slots=True)
class _Branch:
    """A node of the tree of paths: the condition whose path ends here, and the names that lead on."""

    condition: Condition | None = None
    children: "dict[str, _Branch]" = field(default_factory=dict)


def from_one_element(event: Event, conditions: Conjunction) -> bool:
    """Whether conditions that hold one by one also hold together, given that arrays of objects are in play.

    EventBridge refuses a match in which two fields come from objects that are different elements of the same
    array. So where the paths of several conditions lead through an array, one element must satisfy them all,
    which is asked here of the conditions' paths as a tree, level by level. Conditions that are satisfied by
    absence take no part, as absence is judged over the whole event.
    """
    root = _Branch()
    for condition in conditions:
        if condition.absent and condition.read(event) == Leaves():
            continue
        branch = root
        for name in condition.path:
            branch = branch.children.setdefault(name, _Branch())
        branch.condition = condition
    return all(_holds(event, name, branch) for name, branch in root.children.items())


def _holds(node: Mapping[str, Any], name: str, branch: _Branch) -> bool:
    if name not in node:
        return branch.condition is None and all(
            _holds(node, f"{name}.{further}", child) for further, child in branch.children.items()
        )
    reached = list(elements(node[name]))
    leaves = [leaf for leaf in reached if not is_object(leaf)]
    if branch.condition is not None and not any(map(branch.condition.accepts, leaves)):
        return False
    return not branch.children or any(
        all(_holds(element, further, child) for further, child in branch.children.items())
        for element in reached
        if is_object(element)
    )
