"""The docs name files that there are, and have a place for every key and every public name."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import griffe
import pytest

import fanout
from fanout_tools.declarations.schema import schema
from fanout_tools.declarations.web import WebManifest
from fanout_tools.declarations.worker import Manifest
from fanout_tools.project import Project
from scripts.docs import commands, pages, tables
from scripts.paths import REPOSITORY

DOCS = REPOSITORY / "docs"
PAGES = [*sorted(DOCS.rglob("*.md")), *sorted(REPOSITORY.glob("*.md"))]
ROOTS = [
    REPOSITORY,
    *(
        REPOSITORY / name
        for name in ("shared", "router", "terraform", "tests", "tests/unit", "tests/unit/fanout_router", "docs")
    ),
]
"""What a path in the docs may be relative to."""

NAMED = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|tf|hcl|md|yaml|json|txt|toml))(?:::\w+)?`")
EXAMPLES = (
    "build/",
    "services/tracking/",
    "services/NAME/",
    "terraform/bus_destinations.yaml",
    "terraform/environments/ENV/",
    "terraform/environments/prod/console.yaml",
    "terraform/queues.yaml",
    "terraform/schedules.yaml",
)
"""What commands make, and what a reader is asked to write."""


def _page(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def _named(page: Path) -> list[str]:
    return [name for name in NAMED.findall(page.read_text(encoding="utf-8")) if not name.startswith(EXAMPLES)]


@pytest.mark.shop  # a fork\'s pages may still tell of it
@pytest.mark.parametrize("page", PAGES, ids=_page)
def test_a_file_that_a_page_names_is_there(page: Path) -> None:
    gone = [name for name in _named(page) if not any((root / name).exists() for root in ROOTS)]
    assert gone == []


LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.shop  # a fork\'s pages may still tell of it
@pytest.mark.parametrize("page", PAGES, ids=_page)
def test_a_link_leads_to_a_file(page: Path) -> None:
    """GIVEN a page WHEN it links to a file of the repository THEN the file is there; `make docs` holds the anchors."""
    links = [link.replace("%20", " ") for link in LINK.findall(page.read_text(encoding="utf-8")) if ":" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_a_page_that_code_names_is_there() -> None:
    """GIVEN docstrings, messages and Terraform's comments WHEN they name a page of docs/ THEN it is there."""
    rooms = ("shared", "router", "services", "scripts", "terraform", "tests")
    sources = [it for room in rooms for kind in ("py", "tf", "hcl") for it in (REPOSITORY / room).rglob(f"*.{kind}")]
    named = {
        (page, source.relative_to(REPOSITORY).as_posix())
        for source in sources
        if ".terraform" not in source.parts
        for page in re.findall(r"(?<![\w/])docs/[\w/-]+\.md", source.read_text(encoding="utf-8"))
    }
    assert len(named) > 10
    assert {it for it in named if not (REPOSITORY / it[0]).exists()} == set()


SHELL = re.compile(r"```(?:sh|console)\n(.*?)```", re.DOTALL)


def _commands(page: Path, program: str) -> set[str]:
    """The words after a program's name, where a page writes it as code; NAME and such are the reader's to fill in."""
    text = page.read_text(encoding="utf-8")
    inline = re.findall(rf"`{program} ([^`]+)`", text)
    lines = "\n".join(SHELL.findall(text)).replace("$ ", "").splitlines()
    return {*inline, *(line.strip().removeprefix(f"{program} ") for line in lines if line.strip().startswith(program))}


@pytest.mark.shop  # a fork\'s pages may still tell of it
@pytest.mark.parametrize("page", PAGES, ids=_page)
def test_a_target_that_a_page_names_is_in_the_makefile(page: Path) -> None:
    targets = set(re.findall(r"^([a-z][\w-]*):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    benchmarks = {file.stem.replace("_", "-") for file in (REPOSITORY / "scripts" / "bench").glob("*.py")}
    targets |= {f"bench-{name}" for name in (*benchmarks, "NAME")}
    named = {command.split()[0] for command in _commands(page, "make")}
    assert {name for each in named for name in each.split("|")} - targets == set()


@pytest.mark.parametrize("page", PAGES, ids=_page)
def test_a_command_that_a_page_names_is_there(page: Path) -> None:
    known = {name.removeprefix("fanout ") for name, _ in commands.leaves()}
    known |= {name.partition(" ")[0] for name in known}
    wrong = {it for it in _commands(page, "fanout") if not {it.split()[0], " ".join(it.split()[:2])} & known}
    assert wrong == set()


DOTTED = re.compile(r"`((?:fanout|fanout_tools|fanout_router|scripts)(?:\.\w+)+)[`(]")


@pytest.mark.parametrize("page", PAGES, ids=_page)
def test_a_name_of_the_code_is_there(page: Path) -> None:
    """GIVEN a page WHEN it names a module, class or function by its whole name THEN it can be imported."""
    assert [name for name in DOTTED.findall(page.read_text(encoding="utf-8")) if not _resolves(name)] == []


def _resolves(name: str) -> bool:
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


def test_made_pages_are_what_the_code_says() -> None:
    assert [_page(page) for page in pages.stale()] == [], "run `make docs`"


@pytest.mark.parametrize(
    ("model", "page"), [(Manifest, "worker-yaml.md"), (WebManifest, "web-yaml.md")], ids=["worker.yaml", "web.yaml"]
)
def test_every_key_has_its_place_and_its_words(model: Any, page: str) -> None:
    """GIVEN a declaration WHEN a key is added THEN its page has an anchor for it, and the schema a description."""
    text = (pages.REFERENCE / page).read_text(encoding="utf-8")
    wordless = [path for path, told in tables.descriptions(schema(model)) if not told]

    assert [path for path in tables.paths(schema(model)) if f'<a id="{path}"></a>' not in text] == []
    assert wordless == []


def test_every_setting_of_a_project_has_its_place() -> None:
    text = (pages.REFERENCE / "project.md").read_text(encoding="utf-8")
    assert [it.name for it in fields(Project) if f"| `{it.name}` |" not in text] == ["root"]


DIRECTIVE = re.compile(r"^::: ([\w.]+)$", re.MULTILINE)
INTERNAL = {
    "fanout.aws.BoundedSession",
    "fanout.aws.forbid_late_retry",
    "fanout.errors.CanaryError",
    "fanout.errors.told",
    "fanout.keep_warm",
    "fanout.payloads.Deposit",
    "fanout.powertools",
    "fanout.tuning",
}
"""Exported for the core's own modules; handlers, tests and operators have nothing to do with them."""


def public_modules() -> Iterator[str]:
    """The core's own modules and packages, and what is public of the router's."""
    package = Path(fanout.__file__).parent
    yield "fanout"
    for path in sorted([*package.glob("*.py"), *package.glob("*/__init__.py")]):
        name = path.parent.name if path.name == "__init__.py" else path.stem
        if path.parent != package or path.stem != "__init__":
            module = f"fanout.{name}"
            if module not in INTERNAL and hasattr(importlib.import_module(module), "__all__"):
                yield module
    yield from ("fanout.publish.aio", "fanout_router.adapter")


def _found(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


DOCUMENTED = [
    path for page in sorted((DOCS / "reference/api").glob("*.md")) for path in DIRECTIVE.findall(page.read_text())
]


@pytest.mark.parametrize("module", list(public_modules()))
def test_every_public_name_has_its_place(module: str) -> None:
    names = [name for name in importlib.import_module(module).__all__ if f"{module}.{name}" not in INTERNAL]
    documented = [_found(path) for path in DOCUMENTED]
    missing = [name for name in names if not any(_found(f"{module}.{name}") is it for it in documented)]
    assert missing == [], "give each a `:::` in docs/reference/api, or keep it out of __all__"


def test_the_index_of_the_api_has_every_name() -> None:
    index = (DOCS / "reference/api/index.md").read_text(encoding="utf-8")
    assert [path for path in DOCUMENTED if f"`{path.rpartition('.')[2]}`" not in index] == []


@pytest.fixture(scope="module")
def read() -> griffe.ModulesCollection:
    """The packages as mkdocstrings reads them, docstrings of attributes included."""
    loader = griffe.GriffeLoader(search_paths=[REPOSITORY / "shared", REPOSITORY / "router"])
    for package in ("fanout", "fanout_router"):
        loader.load(package)
    loader.resolve_aliases(implicit=True)
    return loader.modules_collection


def wordless(path: str, found: griffe.Object | griffe.Alias) -> Iterator[str]:
    """The documented name itself and its public members, where they have no docstring; a parameter's counts for the
    attribute of its name."""
    if not found.docstring:
        yield path
    told = {name for section in _sections(found) for name in section}
    for name, member in found.members.items():
        if name[0] != "_" and name not in (*told, "model_config") and not member.docstring:
            yield f"{path}.{name}"


def _sections(found: griffe.Object | griffe.Alias) -> Iterator[list[str]]:
    sections = found.docstring.parse("sphinx") if found.docstring else []
    yield from (
        [it.name for it in section.value]
        for section in sections
        if isinstance(section, griffe.DocstringSectionParameters)
    )


@pytest.mark.parametrize("path", DOCUMENTED)
def test_a_public_name_says_what_it_means(path: str, read: griffe.ModulesCollection) -> None:
    found = read[path]
    assert list(wordless(path, found.final_target if found.is_alias else found)) == []
