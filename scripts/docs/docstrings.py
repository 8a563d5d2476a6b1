"""The docstrings' reStructuredText as Markdown, which mkdocstrings reads: roles are links, and a literal block loses
its second colon."""

import re
from typing import Any, Final

import griffe

__all__ = ["Markdown"]

_ROLE: Final = re.compile(r":(?:class|func|meth|mod|exc|data|attr):`~?([^`]+)`")
_LITERAL: Final = re.compile(r"::$", re.MULTILINE)


class Markdown(griffe.Extension):
    """Rewrites each docstring once, when its object is read."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring:
            text = _ROLE.sub(r"`\1`", obj.docstring.value)
            obj.docstring.value = _LITERAL.sub(":", text)
