"""The picture of a session."""

from __future__ import annotations

from xml.etree import ElementTree

from scripts.dev.picture import COLUMNS, Line, svg

SVG = "{http://www.w3.org/2000/svg}"


def test_a_picture_has_each_line_at_its_time_and_nothing_from_elsewhere() -> None:
    lines = [Line(0.0, "$ fanout dev"), Line(2.5, "12:00:00.000  stock  handled   <It> & more"), Line(3.0, "x" * 200)]
    text = svg(lines, "a title")
    root = ElementTree.fromstring(text)
    shown = [each.text or "" for each in root.iter(f"{SVG}text")]
    assert shown[:2] == [line.text for line in lines[:2]]
    assert len(shown[2]) == COLUMNS
    assert ".l1{animation-delay:2.50s}" in text
    assert "prefers-reduced-motion" in text
    assert text.count("http") == 1  # the namespace
