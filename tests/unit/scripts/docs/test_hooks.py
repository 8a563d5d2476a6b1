"""What MkDocs is told of docs/."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from scripts.docs import hooks


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """A page and an index in each section, and a folder within one."""
    for folder in (*hooks.SECTIONS.values(), "reference/cli"):
        (tmp_path / "docs" / folder).mkdir(parents=True)
        for name, title in (("index.md", "The index"), ("a-page.md", "A page")):
            (tmp_path / "docs" / folder / name).write_text(f"# {title}\n")
    (tmp_path / "beside.txt").touch()
    return tmp_path / "docs"


def test_the_navigation_is_that_of_the_folders(docs: Path) -> None:
    """GIVEN pages WHEN MkDocs asks THEN sections come in their order, and in each the index, the pages, the folders."""
    nav = hooks.on_config({"docs_dir": str(docs)})["nav"]

    assert nav[:2] == ["index.md", {"Tutorial": ["tutorial/index.md", "tutorial/a-page.md"]}]
    assert [next(iter(section)) for section in nav[1:]] == ["Tutorial", "How-to", "Reference", "Explanation"]
    assert nav[3]["Reference"][-1] == {"The index": ["reference/cli/index.md", "reference/cli/a-page.md"]}


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ("[it](../../beside.txt)", "it"),
        ("[it](../../beside.txt#part)", "it"),
        ("[it](../../gone.txt)", "[it](../../gone.txt)"),
        ("[it](../tutorial/a-page.md)", "[it](../tutorial/a-page.md)"),
        ("![it](../../beside.txt)", "![it](../../beside.txt)"),
    ],
)
def test_a_link_to_a_file_beside_docs_is_its_name(docs: Path, link: str, shown: str) -> None:
    """GIVEN a link WHEN it leads out of docs/ to a file that is there THEN the site shows its text alone."""
    page = SimpleNamespace(file=SimpleNamespace(src_uri="reference/a-page.md"))
    assert hooks.on_page_markdown(link, page, {"docs_dir": str(docs)}) == shown
