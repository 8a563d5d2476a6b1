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


def patterns() -> st.SearchStrategy[dict[str, Any]]:
    """Patterns of the EventBridge dialect, as parsed JSON, within its limits of characters and of complexity."""
    any_size = st.recursive(_objects(FIELDS), lambda inner: _with_or(_objects(st.one_of(FIELDS, inner))), max_leaves=6)
    return any_size.filter(lambda pattern: len(json.dumps(pattern)) <= 1_800 and _simple_enough(pattern))


def events() -> st.SearchStrategy[dict[str, Any]]:
    """Events, with arrays of leaves, of objects, and of both."""
    values = st.recursive(
        LEAVES,
        lambda inner: st.one_of(_objects(inner), _objects(inner), st.lists(inner, max_size=3)),
        max_leaves=10,
    )
    return _objects(values)


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


def _leaf(values: list[Any]) -> st.SearchStrategy[Any]:
    """Leaves for a field, most of them near what is wanted of it."""
    near = st.sampled_from([_near(value) for value in values])
    return st.one_of(near, near, near, LEAVES)


@st.composite
def meeting_events(draw: st.DrawFn, pattern: dict[str, Any]) -> dict[str, Any]:
    """Events that ``pattern`` nearly asks for: at times a field is left out, wrong, or made an array."""
    event: dict[str, Any] = {}
    for name, wanted in pattern.items():
        if name == "$or":
            for branch in draw(st.lists(st.sampled_from(wanted), min_size=1, max_size=2)):
                event |= draw(meeting_events(branch))
        elif draw(st.integers(0, 7)) == 0:
            continue
        else:
            field = meeting_events(wanted) if isinstance(wanted, dict) else _leaf(wanted)
            event[name] = draw(st.one_of(field, field, st.lists(field, max_size=3)))
    return event


def pairs() -> st.SearchStrategy[tuple[dict[str, Any], dict[str, Any]]]:
    """A pattern with an event: one that nearly meets it, or any."""
    return patterns().flatmap(lambda pattern: st.tuples(st.just(pattern), meeting_events(pattern) | events()))
