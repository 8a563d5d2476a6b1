"""How a page becomes an answer: HTML, a part of it for htmx, JSON as the command prints it, or one frozen file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from fanout_tools.console.access import Role
from fanout_tools.console.assets import address, assets
from fanout_tools.console.console import Console

__all__ = ["Page", "answer", "is_part", "prepare"]

MOST_MADE = 32
NOTHING = "\N{EN DASH}"


@dataclass(frozen=True, kw_only=True)
class Page:
    """What a route found.

    :ivar template: its name; ``_NAME`` beside it is the part that htmx asks for again, if the page has one.
    :ivar command: the equivalent command.
    :ivar told: what the command's ``--json`` prints, one JSON value a line.
    :ivar refresh_s: how often the page asks again; 0: never.
    :ivar kept: whether a browser may keep it, to ask whether it is still true; a payload is not kept.
    """

    title: str
    template: str
    command: str
    told: Iterable[Any] = ()
    shown: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    refresh_s: int = 0
    kept: bool = True
    made_of: tuple[object, ...] | None = None
    """What alone the page's part follows from: it is made once for all who ask; None: it is made each time."""


def is_part(request: Request) -> bool:
    """Whether htmx asks for the page's part."""
    return request.headers.get("hx-request") == "true"


def wants_json(request: Request) -> bool:
    return request.headers.get("accept", "").startswith("application/json")


def answer(request: Request, console: Console, page: Page) -> Response:
    """The page as the request wants it."""
    if wants_json(request):
        made = _json(page)
    else:
        frozen = "freeze" in request.query_params
        made = _html(request, console, page, frozen=frozen)
    if page.kept and page.status == 200 and request.method in ("GET", "HEAD"):
        return _unless_known(request, made)
    return made


def _json(page: Page) -> Response:
    lines = [json.dumps(it, default=str) for it in page.told]
    kind = "application/json" if len(lines) == 1 else "application/x-ndjson"
    return Response("".join(f"{line}\n" for line in lines), page.status, media_type=kind)


def _html(request: Request, console: Console, page: Page, *, frozen: bool) -> Response:
    part = is_part(request) and not frozen
    template = templates().select_template([f"_{page.template}"] * part + [page.template])
    role = Role.OBSERVER if frozen else console.access.role
    known = (page.template, role, page.made_of) if part and page.made_of else None
    content = console.made.get(known) or template.render(
        console=console,
        page=page,
        path=request.url.path,
        shareable=request.method != "POST",
        query=str(request.url.query),
        frozen=frozen,
        may_look=role >= Role.INVESTIGATOR,
        may_change=role >= Role.OPERATOR,
        form_token=console.access.form_token,
        version=address,
        inlined=_inlined,
        now=console.clock(),
        **page.shown,
    )
    if known:
        _keep(console.made, known, content)
    made = HTMLResponse(content, page.status)
    made.headers["vary"] = "accept, hx-request, cookie"
    made.headers["fanout-calls"] = str(console.ledger.count)
    made.headers["fanout-cost"] = f"{console.ledger.usd_an_hour:.4f}"
    if frozen:
        name = f"{page.title.replace(' ', '-').replace('/', '-')}.html"
        made.headers["content-disposition"] = f'attachment; filename="{ascii_only(name)}"'
    return made


def _keep(made: dict[object, str], known: object, content: str) -> None:
    """The newest few: an older look is asked for no more."""
    made.pop(known, None)
    made[known] = content
    while len(made) > MOST_MADE:
        del made[next(iter(made))]


def _unless_known(request: Request, made: Response) -> Response:
    """304 where the browser has the same already."""
    tag = f'W/"{hashlib.blake2b(bytes(made.body), digest_size=12).hexdigest()}"'
    made.headers["etag"] = tag
    made.headers["cache-control"] = "private, no-cache"
    if request.headers.get("if-none-match") != tag:
        return made
    kept = {name: value for name, value in made.headers.items() if name not in ("content-length", "content-type")}
    return Response(status_code=304, headers=kept)


def ascii_only(text: str) -> str:
    """For a header."""
    return "".join(it if it.isascii() and (it.isalnum() or it in "-_.") else "-" for it in text)


@cache
def templates() -> Environment:
    """All of them; what is not said is an error, and text is escaped."""
    made = Environment(
        loader=PackageLoader("fanout_tools.console"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    made.filters |= FILTERS
    return made


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:,.10g}"


def _age(seconds: float | None) -> str:
    """As a person says it."""
    if seconds is None:
        return NOTHING
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _moment(seconds: float | None) -> str:
    return NOTHING if not seconds else datetime.fromtimestamp(seconds, UTC).strftime("%d %b %H:%M:%S UTC")


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


FILTERS: dict[str, Callable[..., str]] = {"number": _number, "age": _age, "moment": _moment, "pretty": _pretty}


def prepare() -> None:
    """Compile and read all that pages are made with, before the first visitor waits for it."""
    assets()
    for name in templates().list_templates():
        templates().get_template(name)


def _inlined(name: str) -> Markup:
    """A stylesheet's text, for a frozen page."""
    text = assets()[name].content.decode()
    assert "</" not in text
    return Markup(text)  # our own file
