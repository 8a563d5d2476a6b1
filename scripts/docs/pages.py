"""The pages of docs/reference, and the modules' READMEs, that are made of the code: they are committed, and a test
holds them to it.

A page is made as a whole, or has a made part between two comments, around which the words are people's.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from fanout_router.config import FunctionSettings, RouterSettings
from fanout_tools.declarations.schema import schema
from fanout_tools.declarations.web import WebManifest
from fanout_tools.declarations.worker import Manifest
from fanout_tools.proof.quotas import QUOTAS
from scripts.docs import commands, modules, settings, tables
from scripts.paths import REPOSITORY

__all__ = ["REFERENCE", "made_parts", "pages", "stale", "write"]

REFERENCE: Final = REPOSITORY / "docs" / "reference"
_PART: Final = "<!-- made by `make docs`: {} -->\n"
_END: Final = "<!-- end -->\n"


def pages() -> Mapping[Path, str]:
    """The text of every made page by its file."""
    whole = {REFERENCE / "cli" / name: text for name, text in commands.pages().items()}
    return {
        **whole,
        **modules.readmes(),
        **{REFERENCE / name: _filled(REFERENCE / name, parts) for name, parts in made_parts().items()},
    }


def made_parts() -> Mapping[str, Mapping[str, str]]:
    """What is made of each page, between the marks of each name."""
    return {
        "worker-yaml.md": {"keys": tables.keys(schema(Manifest))},
        "web-yaml.md": {"keys": tables.keys(schema(WebManifest))},
        "limits.md": {"quotas": tables.quotas(QUOTAS)},
        "router-settings.md": {
            "router": settings.table(RouterSettings, prefix="DISPATCH_"),
            "functions": settings.table(FunctionSettings),
        },
    }


def _filled(page: Path, parts: Mapping[str, str]) -> str:
    text = page.read_text(encoding="utf-8")
    for name, part in parts.items():
        before, begin, rest = text.partition(_PART.format(name))
        _, end, after = rest.partition(_END)
        if not begin or not end:
            raise LookupError(f"{page}: needs the lines {_PART.format(name).strip()} and {_END.strip()}")
        text = before + begin + part + end + after
    return text


def stale() -> Iterator[Path]:
    """The files that are not what the code says, or that nothing makes any more."""
    made = pages()
    yield from (file for file, text in made.items() if not file.exists() or file.read_text(encoding="utf-8") != text)
    yield from (file for file in (REFERENCE / "cli").glob("*.md") if file not in made)


def write() -> None:
    """Write all made pages anew, and remove those that nothing makes."""
    made = pages()
    for file in stale():
        if file in made:
            file.write_text(made[file], encoding="utf-8")
        else:
            file.unlink()
