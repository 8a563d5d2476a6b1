"""Plain text as Markdown."""

import re
from typing import Final

__all__ = ["cell", "escaped"]

_CODE: Final = re.compile(r"(```.*?```|`[^`\n]*`|<!--.*?-->)|([<*])(?!\s)", re.DOTALL)


def escaped(text: str) -> str:
    """The text with what Markdown would take for a tag or for emphasis written out; code stays as it is."""
    return _CODE.sub(lambda found: found[1] or {"<": "&lt;", "*": r"\*"}[found[2]], text)


def cell(text: str) -> str:
    """One line of a docstring's or description's text, for a table."""
    return escaped(" ".join(text.replace("``", "`").split())).replace("|", "\\|")
