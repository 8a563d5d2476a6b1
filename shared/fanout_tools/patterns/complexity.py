"""How complex the wildcards of a pattern are, and the refusal of those that EventBridge calls "too complex".

The user guide says that such a rule is refused, but neither the measure nor the limit. The measure is that of
Event Ruler (its README and MachineComplexityEvaluator): how many beginnings of wildcards can match one text at
once, at worst. ``a*bb`` measures 3: ``a*``, ``a*b`` and ``a*bb`` all match ``abb``. The limit stands in
:data:`~fanout_tools.patterns.dialects.EVENTBRIDGE`: AWS took three of ``*:stack/NAME/*`` in one field, which
measure 9, and refused four, which measure 12 (public GitHub, vals-ai/Valkyrie pull request 278).

The wildcards of a field are measured together, over all branches of ``$or`` that reach the field alike.
"""

from collections.abc import Hashable, Iterable, Iterator

from fanout_tools.patterns.dialects import refusal
from fanout_tools.patterns.predicates import Condition, Conjunction

__all__ = ["check_complexity", "complexity"]

Wildcards = dict[Hashable, tuple[str, ...]]
"""The wildcards of one field: of each value wanted there, the texts that it is written with."""

_STAR = -1


def check_complexity(conjunctions: Iterable[Conjunction], limit: int) -> None:
    """Raises PatternError if the wildcards of a field are more complex than ``limit``."""
    for path, wildcards in _fields(conjunctions):
        if complexity(wildcards, limit) > limit:
            problem = "the wildcards of this field are too complex together for EventBridge"
            fix = "use fewer stars, fewer repeated characters after a star, or prefix and suffix"
            raise refusal(".".join(path), problem, fix)


def _fields(conjunctions: Iterable[Conjunction]) -> Iterator[tuple[tuple[str, ...], Wildcards]]:
    """The wildcards of each field. Event Ruler takes the fields in sorted order, and values of one field that
    lead on to the same fields share a state; so conjunctions that begin alike share the fields after that."""
    together: dict[tuple[int, tuple[str, ...]], Wildcards] = {}
    following: dict[tuple[int, tuple[str, ...]], dict[Hashable, int]] = {}
    count = 1
    for conjunction in conjunctions:
        states = {0}
        for condition in sorted(conjunction, key=lambda each: each.order):
            reached = set()
            for state in states:
                key = (state, condition.path)
                values = _values(condition)
                together.setdefault(key, {}).update(values)
                known = following.setdefault(key, {})
                for value in values:
                    reached.add(known.setdefault(value, count))
                count += 1
            states = reached
    return ((path, wildcards) for (_, path), wildcards in together.items())


def _values(condition: Condition) -> Wildcards:
    """By value, its wildcards as Event Ruler takes texts: with their quotation marks."""
    values: Wildcards = {("exactly", value): () for value in condition.exact}
    if condition.absent:
        values["absent"] = ()
    return values | {
        predicate: tuple(f'"{text}"' for text in predicate.wildcards) for predicate in condition.predicates
    }


def complexity(wildcards: Wildcards, limit: int) -> int:
    """The most beginnings of the wildcards that one text matches, byte by byte; counting ends above ``limit``."""
    beginnings = _Beginnings()
    for value, texts in wildcards.items():
        for text in texts:
            beginnings.add(value, _tokens(text))
    return beginnings.most_at_once(limit)


class _Beginnings:
    """All beginnings of some wildcards, as the states of one automaton; 0 is the empty one."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._steps: list[dict[int, set[int]]] = [{}]
        """Of each beginning, by the token that it takes next, the longer beginnings."""
        self._stars: set[int] = set()
        """The beginnings that end with a star, and so go on to match whatever follows."""

    def add(self, value: Hashable, tokens: list[int]) -> None:
        """Add a wildcard. Those of one value share what stands before their first star, that star, and the end."""
        first_star = tokens.index(_STAR) if _STAR in tokens else len(tokens)
        text, before = tuple(tokens), 0
        for at, token in enumerate(tokens):
            shared: Hashable = text[: at + 1] if at <= first_star else (at, text)
            after = self._number((value, None if at == len(tokens) - 1 else shared))
            self._steps[before].setdefault(token, set()).add(after)
            if token == _STAR:
                self._stars.add(after)
            before = after

    def _number(self, beginning: Hashable) -> int:
        if beginning not in self._numbers:
            self._numbers[beginning] = len(self._steps)
            self._steps.append({})
        return self._numbers[beginning]

    def most_at_once(self, limit: int) -> int:
        """Walk all texts that matter, as the sets of beginnings that they match."""
        start = self._with_stars({0})
        most, seen, pending = 0, {start}, [start]
        while pending and most <= limit:
            matched = pending.pop()
            most = max(most, len(matched - {0}))
            # A byte that no beginning takes next leads to nothing that these do not lead to, too.
            for byte in {token for beginning in matched for token in self._steps[beginning]} - {_STAR}:
                after = self._after(matched, byte)
                if after not in seen:
                    seen.add(after)
                    pending.append(after)
        return most

    def _after(self, matched: frozenset[int], byte: int) -> frozenset[int]:
        taken = set(matched & self._stars)
        for beginning in matched:
            taken |= self._steps[beginning].get(byte, set())
        return self._with_stars(taken)

    def _with_stars(self, matched: set[int]) -> frozenset[int]:
        """What matches a text matches it with a star added, too."""
        stars = [self._steps[beginning].get(_STAR, set()) for beginning in matched]
        return frozenset(matched.union(*stars))


def _tokens(text: str) -> list[int]:
    """The bytes and stars of a wildcard, unescaped; its escapes have been checked."""
    tokens: list[int] = []
    content = iter(text.encode("utf-8", "surrogatepass"))
    for byte in content:
        if byte == ord("\\"):
            tokens.append(next(content))
        else:
            tokens.append(_STAR if byte == ord("*") else byte)
    return tokens
