"""The console as an ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from botocore.exceptions import BotoCoreError, ClientError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from fanout.errors import FanoutError
from fanout_tools.console import changes, event, letters, operations, overview, project_pages, worker
from fanout_tools.console.access import Access
from fanout_tools.console.answers import Page, answer, prepare
from fanout_tools.console.assets import serve_asset
from fanout_tools.console.console import Console
from fanout_tools.console.entries import FORM_TOKEN, Entry, FormError, form_of
from fanout_tools.console.guard import Guard
from fanout_tools.errors import ToolError

__all__ = ["ENTRIES", "make"]

ENTRIES: tuple[Entry, ...] = (
    *overview.ENTRIES,
    *worker.ENTRIES,
    *event.ENTRIES,
    *letters.ENTRIES,
    *operations.ENTRIES,
    *changes.ENTRIES,
    *project_pages.ENTRIES,
)
"""Every route but the static files; each says who may ask for it."""

STATUSES = {2: 400, 3: 404, 5: 409}
"""Of HTTP, by what the command would end with."""


def make(
    console: Console, further: Sequence[Entry] = (), guard: Callable[[ASGIApp, Access], ASGIApp] = Guard
) -> ASGIApp:
    """The application over this console.

    :param further: pages of its own.
    :param guard: what every request passes first.
    """
    prepare()
    routes = [Route(it.path, _endpoint(it, console), methods=[it.method], name=it.path) for it in (*ENTRIES, *further)]

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return answer(request, console, _trouble(request, error.detail, error.status_code))

    async def broken(request: Request, error: Exception) -> Response:
        """A fault of the console's own: the server's log has the rest."""
        return answer(request, console, _trouble(request, f"{type(error).__name__}: {error}", 500))

    app = Starlette(
        routes=[*routes, Route("/static/{name:path}", serve_asset)],
        middleware=[Middleware(GZipMiddleware, minimum_size=1_000, compresslevel=5)],
        exception_handlers={HTTPException: refused, Exception: broken},
    )
    return guard(app, console.access)


def _endpoint(entry: Entry, console: Console) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        role = console.access.role
        if role < entry.role:
            text = f"This needs the role {entry.role}; yours is {role}. {_how(entry, console.access)}"
            return answer(request, console, _trouble(request, text, 403))
        try:
            if entry.method == "POST":
                await _check(request, console)
            found = await entry.find(request, console)
        except (FanoutError, ToolError, BotoCoreError, ClientError) as error:
            status = STATUSES.get(getattr(error, "exit_code", 1), 502)
            return answer(request, console, _trouble(request, str(error), status))
        return found if isinstance(found, Response) else answer(request, console, found)

    return endpoint


def _how(entry: Entry, access: Access) -> str:
    return access.more if entry.method == "POST" else ""


async def _check(request: Request, console: Console) -> None:
    """The form, once read, is ``request.state.form``.

    :raises FormError: another site's, or of a console that has ended since.
    """
    form = await form_of(request)
    if not console.access.is_ours(request.url.path, form.pop(FORM_TOKEN, "")):
        raise FormError("this form is not of this console, or of one that has been started anew since: load it again")
    request.state.form = form


def _trouble(request: Request, text: str, status: int) -> Page:
    """An error as a page, or as a banner where a page asks for its part."""
    template = "trouble.html"
    return Page(
        title="Trouble",
        template=template,
        command="",
        told=[{"error": text}],
        shown={"text": text, "again": str(request.url.path)},
        status=status,
        kept=False,
    )
