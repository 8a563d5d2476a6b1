"""Pages of commands."""

from scripts.docs.commands import leaves, pages


def test_every_command_has_a_page_and_a_line_in_the_index() -> None:
    """GIVEN the commands, those of groups too WHEN pages are made THEN each has one, named as it is."""
    made = pages()
    names = [name for name, _ in leaves()]

    assert {"fanout check", "fanout contract check", "fanout publish"} <= set(names)
    assert made.keys() == {"index.md", *(f"{name.replace(' ', '-')}.md" for name in names)}
    assert [name for name in names if f"[{name}](" not in made["index.md"]] == []


def test_a_page_has_usage_arguments_and_options() -> None:
    page = pages()["fanout-publish.md"]
    assert "$ fanout publish [OPTIONS]" in page
    assert "* `--dry-run" in page
    assert "&lt;source>/&lt;Name>" in page
