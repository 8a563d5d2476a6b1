"""Generated patterns and events that have a fair chance to meet: few names, few values, every operator."""

import json
from typing import Any

from hypothesis import strategies as st

from fanout.errors import PatternError
from fanout_tools.patterns import Pattern

__all__ = ["FIELDS", "LEAVES", "events", "meeting_events", "pairs", "patterns"]

NAMES = st.sampled_from(["a", "b", "c", "detail", "a.b", "b.c"])
WORDS = st.sampled_from(["", "a", "A", "ab", "aB", "ba", "abab", "*", "ß", "SS", "10.0.0.1", "10.0.1.9", "1"])
NUMBERS = st.sampled_from([0, 1, 2, -1, 1.0, 1.5, 300, 300.0, 6_000_000_000])
SMALL_NUMBERS = st.sampled_from([0, 1, 2, -1, 1.5, 300])
LEAVES = st.one_of(WORDS, NUMBERS, st.sampled_from([None, True, False]))
FRAGMENTS = st.sampled_from(["a", "A", "ab", "b", "ß"])
WILDCARDS = st.sampled_from(["*", "a*", "*b", "a*b", "*a*b*", "ab", r"\*", r"a\\*"])


def _one_or_many(texts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(texts, st.lists(texts, min_size=1, max_size=2))


def _operator(name: str, operand: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({name: operand})


RANGES = st.one_of(
    st.tuples(st.sampled_from(["=", "<", "<=", ">", ">="]), SMALL_NUMBERS).map(list),
    st.tuples(st.sampled_from([">", ">="]), st.just(0), st.sampled_from(["<", "<="]), st.sampled_from([1, 2, 300])).map(
        list
    ),
)
IGNORING_CASE = _operator("equals-ignore-case", FRAGMENTS)
EXPRESSIONS = st.one_of(
    _operator("prefix", st.one_of(FRAGMENTS, IGNORING_CASE)),
    _operator("suffix", st.one_of(FRAGMENTS, IGNORING_CASE)),
    IGNORING_CASE,
    _operator("wildcard", WILDCARDS),
    _operator("numeric", RANGES),
    _operator("exists", st.booleans()),
    _operator("cidr", st.sampled_from(["10.0.0.0/24", "10.0.0.0/8", "::/0"])),
    _operator("anything-but", st.one_of(_one_or_many(FRAGMENTS), _one_or_many(SMALL_NUMBERS))),
    _operator("anything-but", _operator("prefix", _one_or_many(FRAGMENTS))),
    _operator("anything-but", _operator("suffix", _one_or_many(FRAGMENTS))),
    _operator("anything-but", _operator("equals-ignore-case", _one_or_many(FRAGMENTS))),
    _operator("anything-but", _operator("wildcard", _one_or_many(WILDCARDS))),
)


def _simple_enough(pattern: dict[str, Any]) -> bool:
    if "wildcard" not in str(pattern):
        return True  # nothing else is ever too complex, and to parse each pattern twice takes a third of the time
    try:
        return bool(Pattern.parse(pattern))
    except PatternError as error:
        if "too complex" not in str(error):
            raise
        return False


FIELDS = st.lists(st.one_of(LEAVES, LEAVES, EXPRESSIONS, EXPRESSIONS), min_size=1, max_size=3).filter(
    lambda values: _simple_enough({"a": values})
)


def _objects(children: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(NAMES, children, min_size=1, max_size=3)


def _with_or(branches: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    choice = st.fixed_dictionaries({"$or": st.lists(branches, min_size=2, max_size=3)})
    return st.one_of(branches, branches, st.tuples(branches, choice).map(lambda pair: pair[0] | pair[1]))


_PATTERNS = st.recursive(
    _objects(FIELDS), lambda inner: _with_or(_objects(st.one_of(FIELDS, inner))), max_leaves=6
).filter(lambda pattern: len(json.dumps(pattern)) <= 1_800 and _simple_enough(pattern))


def patterns() -> st.SearchStrategy[dict[str, Any]]:
    """Patterns of the EventBridge dialect, as parsed JSON, within its limits of characters and of complexity."""
    return _PATTERNS


_EVENTS = _objects(
    st.recursive(
        LEAVES,
        lambda inner: st.one_of(_objects(inner), _objects(inner), st.lists(inner, max_size=3)),
        max_leaves=10,
    )
)


def events() -> st.SearchStrategy[dict[str, Any]]:
    """Events, with arrays of leaves, of objects, and of both."""
    return _EVENTS


def _near(wanted: Any) -> Any:
    """A leaf that is wanted, or nearly so."""
    match wanted:
        case {"prefix": str(text)} | {"equals-ignore-case": str(text)}:
            return text
        case {"suffix": str(text)}:
            return "b" + text
        case {"prefix": {"equals-ignore-case": text}} | {"suffix": {"equals-ignore-case": text}}:
            return text.swapcase()
        case {"wildcard": text}:
            return text.replace("*", "b")
        case {"numeric": [*_, number]}:
            return number
        case {"cidr": _}:
            return "10.0.0.1"
        case dict():
            return "other"
    return wanted


# What depends on a drawn pattern is drawn from these few strategies: to make a strategy and have it validated takes
# far longer than to draw from it.
_QUARTERS = st.integers(0, 3)
_EIGHTHS = st.integers(0, 7)
_COUNTS = st.integers(0, 3)


def _leaf(draw: st.DrawFn, values: list[Any]) -> Any:
    """A leaf for a field, mostly near what is wanted of it."""
    if draw(_QUARTERS) == 3:
        return draw(LEAVES)
    return _near(values[draw(st.integers(0, len(values) - 1))])


def _meeting_event(draw: st.DrawFn, pattern: dict[str, Any]) -> dict[str, Any]:
    event: dict[str, Any] = {}
    for name, wanted in pattern.items():
        if name == "$or":
            for _ in range(1 + draw(_COUNTS) % 2):
                event |= _meeting_event(draw, wanted[draw(st.integers(0, len(wanted) - 1))])
        elif draw(_EIGHTHS) != 7:
            event[name] = _field(draw, wanted)
    return event


def _field(draw: st.DrawFn, wanted: Any) -> Any:
    """What ``wanted`` asks for, or at times an array of such."""
    one = _meeting_event if isinstance(wanted, dict) else _leaf
    if draw(_COUNTS) < 2:
        return one(draw, wanted)
    return [one(draw, wanted) for _ in range(draw(_COUNTS))]


@st.composite
def meeting_events(draw: st.DrawFn, pattern: dict[str, Any]) -> dict[str, Any]:
    """Events that ``pattern`` nearly asks for: at times a field is left out, wrong, or made an array."""
    return _meeting_event(draw, pattern)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """A pattern with an event: one that nearly meets it, or any."""
    pattern = draw(_PATTERNS)
    return pattern, draw(_EVENTS) if draw(_COUNTS) >= 2 else _meeting_event(draw, pattern)
