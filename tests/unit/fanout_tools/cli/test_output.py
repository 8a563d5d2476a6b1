"""What is printed is what was published, letter by letter, and never steers a terminal."""

import io

import pytest
from rich.console import Console

from fanout_tools.cli import output

HOSTILE = ["order[eu]17", "[/x] customer", "\x1b]0;title\x07", "\x1b[2J", "two\nlines", "\u202eback"]
SHOWN = ["order[eu]17", "[/x] customer", r"\x1b]0;title\x07", r"\x1b[2J"]


@pytest.mark.parametrize("terminal", [True, False])
def test_ids_are_shown_literally(
    terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=terminal, width=120, highlight=False, markup=False)
    monkeypatch.setattr(output, "console", console)

    output.print_rows(["id"], [{"id": it} for it in HOSTILE], title="[b]all[/b]")

    text = shown.getvalue() + capsys.readouterr().out
    assert all(it in text for it in SHOWN)
    assert "\u202e" not in text
    assert "\x07" not in text


def test_a_complaint_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    output.complain("\x1b[2J[red]gone")

    assert capsys.readouterr().err == "\\x1b[2J[red]gone\n"


def test_a_row_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_rows(["a", "b"], [{"a": "two\nlines", "b": 1}])

    assert capsys.readouterr().out == "a\tb\ntwo lines\t1\n"
