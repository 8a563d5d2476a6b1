"""Pages that are made of the code."""

from pathlib import Path

import pytest

from scripts.docs import commands, pages


@pytest.fixture(autouse=True)
def reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A reference with one page of parts and no page of a command."""
    monkeypatch.setattr(pages, "REFERENCE", tmp_path)
    monkeypatch.setattr(pages, "made_parts", lambda: {"keys.md": {"one": "1\n", "two": "2\n"}})
    monkeypatch.setattr(commands, "pages", lambda: {"a.md": "A\n"})
    (tmp_path / "cli").mkdir()
    (tmp_path / "keys.md").write_text(
        "# Keys\n<!-- made by `make docs`: one -->\nold\n<!-- end -->\nWords.\n"
        "<!-- made by `make docs`: two -->\n<!-- end -->\n"
    )
    return tmp_path


def test_parts_are_made_anew_and_the_words_around_them_stay(reference: Path) -> None:
    pages.write()
    assert (reference / "keys.md").read_text() == (
        "# Keys\n<!-- made by `make docs`: one -->\n1\n<!-- end -->\nWords.\n"
        "<!-- made by `make docs`: two -->\n2\n<!-- end -->\n"
    )
    assert list(pages.stale()) == []


def test_what_is_out_of_date_is_told(reference: Path) -> None:
    """GIVEN a page that differs, one that is missing, and one of a command that is gone THEN all three are told, and
    written or removed."""
    (reference / "cli" / "gone.md").write_text("B\n")

    assert {file.name for file in pages.stale()} == {"keys.md", "a.md", "gone.md"}
    pages.write()
    assert [file.name for file in (reference / "cli").iterdir()] == ["a.md"]


def test_a_page_without_its_part_is_told(reference: Path) -> None:
    (reference / "keys.md").write_text("# Keys\n")
    with pytest.raises(LookupError, match="made by `make docs`: one"):
        pages.pages()
