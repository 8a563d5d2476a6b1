"""Plain text as Markdown."""

import pytest

from scripts.docs.markdown import cell, escaped


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("<source>/<Name>", "&lt;source>/&lt;Name>"),
        ("`<source>` or <Name>", "`<source>` or &lt;Name>"),
        ("1 < 2", "1 < 2"),
        ("* for every event", "* for every event"),
        ("a *:stack/* in it", r"a \*:stack/* in it"),
        ("<!-- made -->\n```console\n$ x <y>\n```\n<z>", "<!-- made -->\n```console\n$ x <y>\n```\n&lt;z>"),
    ],
)
def test_what_is_no_code_is_written_out(text: str, markdown: str) -> None:
    assert escaped(text) == markdown


def test_a_cell_is_one_line() -> None:
    assert cell("``a``\n  | b") == "`a` \\| b"
