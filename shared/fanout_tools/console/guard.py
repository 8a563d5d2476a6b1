"""What every request passes before anything looks at it, and what every answer carries."""

from __future__ import annotations

from html import escape
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fanout_tools.console.access import COOKIE, Access

__all__ = ["HEADERS", "Guard", "refused", "with_headers"]

HEADERS = {
    "content-security-policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # by no-referrer a browser hides the origin of its own forms too
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
TOKEN = "token"
SAFE = ("GET", "HEAD")


def refused(scope: Scope, hosts: frozenset[str], schemes: tuple[str, ...] = ("http", "https")) -> Response | None:
    """What answers a request for another host, or of another site's form.

    :param schemes: of the console's own pages.
    """
    headers = Headers(scope=scope)
    host = headers.get("host", "")
    if host not in hosts:
        return PlainTextResponse(f"{host}: not this console's host", 421)
    if scope["method"] in SAFE:
        return None
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", "same-origin")
    if origin not in (None, *(f"{scheme}://{host}" for scheme in schemes)) or site not in ("same-origin", "none"):
        return PlainTextResponse("a form of another site", 403)
    return None


class Guard:
    """Turns away what does not come from a browser that was given the token: a wrong ``Host`` (DNS rebinding), another
    site's form, a request without the cookie."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = refused(scope, self._access.hosts) or self._let_in(scope)
        await (answer or self._app)(scope, receive, with_headers(send))

    def _let_in(self, scope: Scope) -> Response | None:
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        token = dict(query).get(TOKEN)
        if token is not None and scope["method"] in SAFE and self._access.admits(token):
            return self._welcome(scope, [pair for pair in query if pair[0] != TOKEN])
        if self._access.knows(_cookie(scope)):
            return None
        return _stranger(scope)

    def _welcome(self, scope: Scope, query: list[tuple[str, str]]) -> Response:
        # A path that begins with two slashes would be another host.
        path = f"/{scope['path'].lstrip('/')}{'?' if query else ''}{urlencode(query)}"
        answer = RedirectResponse(path, 303)
        answer.set_cookie(COOKIE, self._access.session, httponly=True, samesite="strict", path="/")
        return answer


def _cookie(scope: Scope) -> str:
    found: SimpleCookie = SimpleCookie()
    try:
        found.load(Headers(scope=scope).get("cookie", ""))
    except CookieError:
        return ""
    return found[COOKIE].value if COOKIE in found else ""


def _stranger(scope: Scope) -> Response:
    """A link in a mail or a chat comes without the cookie: from here the same page comes with it."""
    path = f"/{scope['path'].lstrip('/')}"
    query = scope["query_string"].decode("latin-1")
    again = escape(f"{path}?{query}" if query else path)
    return HTMLResponse(
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>fanout console</title></head><body><main>'
        "<h1>Open the console by its own URL</h1><p>This browser has not been let in yet: open the URL that "
        "<code>fanout console</code> has printed.</p>"
        f'<p>You came here by a link from elsewhere, and have been let in before? <a href="{again}">Go on</a>.</p>'
        "</main></body></html>",
        401,
    )


def with_headers(send: Send) -> Send:
    """What every answer carries beside its own."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return sending
