"""Many rules at once: which of them match an event, without asking each.

The rules are compiled into a decision tree, once, and an event goes down it:

1. A rule matches if one of its conjunctions holds, so the tree is grown from all conjunctions of all rules. A
   node of the tree stands for the conditions that are known to hold on the way to it, and carries the rules
   that need no more.
2. Nearly every rule asks for exact values (source, detail-type). At each node a conjunction goes under the
   field whose exact values divide the most of the node's conjunctions, into the most values; there, one
   dictionary look-up leads from the event's value to the few rules that want it, and passes over all others.
3. What is left are tests (ranges, prefixes, ...). A conjunction goes under the test that it shares with the
   most others, so that equal tests of different rules are made once, and the rules below are reached only if
   it holds.
4. All branches of a node are grouped by field, so that each field is read once per node.
5. A conjunction that wants one of several values is copied under each. Copies multiply with the next field,
   so past a budget such a condition is a test like the others.
6. The tree looks at conditions one by one, which is exact unless several lead through an array of objects,
   where they must hold for the same element. An event in which such an array was met has its few matches
   confirmed in full.
7. Fields are read by the plain path of their names. The few events with a name that holds several segments of
   some path, joined by dots, are told apart first, and read by the slower, exact reader.

So the time depends on the conditions along the event's own way, not on the number of rules.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fanout_tools.patterns.leaves import DottedNames, Event, Leaves, Path, Reader, plain_reader, reader, token
from fanout_tools.patterns.pattern import Pattern
from fanout_tools.patterns.predicates import Condition, Conjunction

__all__ = ["RuleIndex"]

MAX_COPIES = 64


@dataclass(frozen=True, slots=True)
class _Entry:
    """What is left to ask of one conjunction of one rule."""

    rule: int
    conditions: Conjunction
    copies: int = 1

    def without(self, condition: Condition, copies: int = 1) -> "_Entry":
        rest = tuple(other for other in self.conditions if other is not condition)
        return _Entry(self.rule, rest, self.copies * copies)

    def divides(self, condition: Condition) -> bool:
        """Whether the condition can be a look-up: exact values only, within the budget of copies."""
        exact_only = not condition.predicates and not condition.absent
        return exact_only and self.copies * len(condition.exact) <= MAX_COPIES


_Test = tuple[Callable[[Any], bool], Condition, "_Node"]


@dataclass(slots=True)
class _Node:
    matched: list[int] = field(default_factory=list)
    """The rules all of whose conditions hold here."""
    fields: list[tuple[Reader, Reader | None, dict[Any, "_Node"], list[_Test]]] = field(default_factory=list)
    """By field: how to read it in plain events and, where that differs, in any; where its exact values lead, and
    which tests of it lead where."""


class RuleIndex:
    """A fixed set of named rules, compiled for matching.

    >>> rules = RuleIndex({"audit": Pattern.parse({"source": [{"prefix": "shop."}]})})
    >>> rules.match({"source": "shop.orders"})
    ('audit',)
    """

    def __init__(self, rules: Mapping[str, Pattern]) -> None:
        self._names = tuple(rules)
        self._patterns = tuple(rules.values())
        self._dotted = DottedNames(
            {
                condition.path
                for pattern in self._patterns
                for conjunction in pattern.conjunctions
                for condition in conjunction
            }
        )
        self._root = _grow(
            [
                _Entry(rule, conjunction)
                for rule, pattern in enumerate(self._patterns)
                for conjunction in pattern.conjunctions
            ]
        )

    def __len__(self) -> int:
        return len(self._names)

    def match(self, event: Event) -> tuple[str, ...]:
        """The names of the rules that the event matches, in the order in which they were given."""
        matched: list[int] = []
        through_array = False
        dotted: bool | None = None  # found out once a path of several names is read: most events end before
        nodes = [self._root]
        for node in nodes:  # nodes grows while it is walked
            if node.matched:
                matched += node.matched
            for read_plain, read, table, tests in node.fields:
                if read is not None and dotted is None:
                    dotted = self._dotted.found_in(event)
                found = read(event) if read is not None and dotted else read_plain(event)
                if type(found) is Leaves:
                    through_array |= found.through_array
                    _follow(found, table, tests, nodes)
                    continue
                if table:
                    node_below = table.get(found if type(found) is str else token(found))
                    if node_below is not None:
                        nodes.append(node_below)
                if tests:
                    nodes += [node_below for accepts, _, node_below in tests if accepts(found)]
        return self._answer(event, matched, through_array)

    def _answer(self, event: Event, matched: list[int], through_array: bool) -> tuple[str, ...]:
        if not matched:
            return ()
        if through_array:
            matched = [rule for rule in set(matched) if self._patterns[rule].agrees(event)]
        if len(matched) > 1:
            matched = sorted(set(matched))
        names = self._names
        return tuple([names[rule] for rule in matched])


def _follow(found: Leaves, table: dict[Any, _Node], tests: list[_Test], nodes: list[_Node]) -> None:
    """Go on from a field that has not exactly one leaf."""
    nodes += [table[value] for value in set(map(token, found)) if value in table]
    nodes += [node_below for _, condition, node_below in tests if condition.accepts_any(found)]


def _grow(entries: list[_Entry]) -> _Node:
    """The tree for the entries, by the reasons at the top of this file."""
    node = _Node([entry.rule for entry in entries if not entry.conditions])
    tables: defaultdict[Path, defaultdict[Any, list[_Entry]]] = defaultdict(lambda: defaultdict(list))
    tests: defaultdict[Path, defaultdict[Condition, list[_Entry]]] = defaultdict(lambda: defaultdict(list))
    division, sharing = _division(entries), Counter(each for entry in entries for each in entry.conditions)
    for entry in entries:
        lookups = [condition for condition in entry.conditions if entry.divides(condition)]
        if lookups:
            best = max(lookups, key=lambda condition: division[condition.path])
            for value in best.exact:
                tables[best.path][value].append(entry.without(best, len(best.exact)))
        elif entry.conditions:
            best = max(entry.conditions, key=sharing.__getitem__)
            tests[best.path][best].append(entry.without(best))
    for path in dict.fromkeys((*tables, *tests)):
        table = {value: _grow(below) for value, below in tables[path].items()}
        tested = [(condition.accepts, condition, _grow(below)) for condition, below in tests[path].items()]
        node.fields.append((plain_reader(path), reader(path) if len(path) > 1 else None, table, tested))
    return node


def _division(entries: list[_Entry]) -> dict[Path, tuple[int, int]]:
    """How well each field's exact values divide the entries: how many it divides, into how many values."""
    divided: Counter[Path] = Counter()
    values: defaultdict[Path, set[Any]] = defaultdict(set)
    for entry in entries:
        for condition in entry.conditions:
            if entry.divides(condition):
                divided[condition.path] += 1
                values[condition.path] |= condition.exact
    return {path: (count, len(values[path])) for path, count in divided.items()}
