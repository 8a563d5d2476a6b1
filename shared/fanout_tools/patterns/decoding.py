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
    what is no JSON object, too long for the dialect, or nested too deeply.
    """
    text = source if isinstance(source, str) else _encode(source)
    if len(text) > dialect.max_characters:
        size = f"{len(text):,} characters, and {dialect.name} takes {dialect.max_characters:,}"
        raise refusal("its top", size, "use prefix or numeric instead of long lists, or split it into several")
    try:
        pattern = json.loads(text, parse_constant=_no_constant)
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


def _encode(source: Mapping[str, Any]) -> str:
    try:
        return json.dumps(source, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        mend = "use mappings, lists, strings, numbers, booleans and None"
        raise refusal("its top", f"it is not JSON ({error})", mend) from error


def _plain(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON type")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")
