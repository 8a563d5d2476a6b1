"""What MkDocs is told of docs/: its pages' order, and which links lead to files of the repository beside it."""

import re
from pathlib import Path
from typing import Any, Final

__all__ = ["on_config", "on_page_markdown"]

SECTIONS: Final = {
    "Tutorial": "tutorial",
    "How-to": "how-to",
    "Reference": "reference",
    "Explanation": "explanation",
}
_LINK: Final = re.compile(r"(?<!!)\[((?:[^\[\]]|\\\])+)\]\(((?:\.\./)+[^)#\s]+)(#[^)\s]*)?\)")


def on_config(config: Any) -> Any:
    """The navigation, from the folders: a new page needs no entry anywhere."""
    docs = Path(config["docs_dir"])
    sections = [{title: _listed(docs / folder, docs)} for title, folder in SECTIONS.items()]
    config["nav"] = ["index.md", *sections]
    return config


def _listed(folder: Path, docs: Path) -> list[Any]:
    """The pages of a folder, its index first, then its folders."""
    pages = sorted(folder.glob("*.md"), key=lambda it: (it.name != "index.md", it.name))
    folders = sorted(it for it in folder.iterdir() if it.is_dir() and any(it.glob("*.md")))
    return [
        *(page.relative_to(docs).as_posix() for page in pages),
        *({_title(it): _listed(it, docs)} for it in folders),
    ]


def _title(folder: Path) -> str:
    first = re.search(r"^# (.+)$", (folder / "index.md").read_text(encoding="utf-8"), re.MULTILINE)
    return first[1] if first else folder.name


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """Links to files outside of docs/ are for readers of the repository; the site has their names alone. One that
    leads nowhere stays, and fails the build."""
    docs = Path(config["docs_dir"]).resolve()
    here = docs / Path(page.file.src_uri).parent

    def shown(link: re.Match[str]) -> str:
        target = (here / link[2].replace("%20", " ")).resolve()
        outside = not target.is_relative_to(docs) and target.exists()
        return link[1] if outside else link[0]

    return _LINK.sub(shown, markdown)
