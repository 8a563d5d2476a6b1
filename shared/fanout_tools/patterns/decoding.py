"""From a pattern's text, or a mapping, to parsed JSON that is safe to recurse over."""

import json
from collections.abc import Mapping
from typing import Any

from fanout.errors import PatternError
from fanout_tools.patterns.dialects import Dialect
from fanout_tools.patterns.refusal import describe, refusal

__all__ = ["decode"]

MAX_DEPTH = 100
"""Deepest nesting of objects and arrays. AWS documents no limit but the size, which allows hundreds."""


def decode(source: str | Mapping[str, Any], dialect: Dialect) -> dict[str, Any]:
    """The pattern as parsed JSON.

    The size of a text is counted as it stands, that of a mapping without white space. Raises PatternError for
    what is no JSON object, too long for the dialect, or nested too deeply, and for a name written twice in one
    object: Event Ruler joins the two, and nearly every other reader of JSON keeps the last.
    """
    text = source if isinstance(source, str) else _encode(source)
    if len(text) > dialect.max_characters:
        size = f"{len(text):,} characters, and {dialect.name} takes {dialect.max_characters:,}"
        raise refusal("its top", size, "use prefix or numeric instead of long lists, or split it into several")
    try:
        pattern = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_object)
    except ValueError as error:
        raise refusal("its top", f"it is not JSON ({error})", "write one JSON object") from error
    except RecursionError as error:
        raise _too_deep() from error
    if not isinstance(pattern, dict):
        raise refusal("its top", f"it is {describe(pattern)}", "write one JSON object")
    if _nests_deeper(pattern, MAX_DEPTH):
        raise _too_deep()
    return pattern


def _too_deep() -> PatternError:
    return refusal("its top", "it is nested too deeply", f"nest at most {MAX_DEPTH} levels")


def _nests_deeper(node: Any, levels: int) -> bool:
    if not isinstance(node, dict | list):
        return False
    inner = node.values() if isinstance(node, dict) else node
    return levels == 0 or any(_nests_deeper(child, levels - 1) for child in inner)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise refusal(twice, "the name is written twice in one object", "write it once, with all that is wanted of it")
    return read


def _encode(source: Mapping[str, Any]) -> str:
    try:
        _check_names(source)
        return json.dumps(source, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        fix = "use mappings, lists, strings, numbers, booleans and None"
        raise refusal("its top", f"it is not JSON ({error})", fix) from error


def _check_names(node: Any) -> None:
    """JSON writes a name that is no string as one, which no declaration means: YAML reads ``on`` as true."""
    if isinstance(node, Mapping):
        for name, value in node.items():
            if not isinstance(name, str):
                raise refusal(describe(name), "a name is a string", "put it in quotation marks")
            _check_names(value)
    elif isinstance(node, list | tuple):
        for value in node:
            _check_names(value)


def _plain(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON type")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")
