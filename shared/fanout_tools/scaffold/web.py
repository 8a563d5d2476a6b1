"""``fanout new web``: a web function, an ASGI application that the router, a function URL or an HTTP API serves."""

import re
from pathlib import Path
from typing import Final, Literal

from fanout_tools.declarations.web import Via
from fanout_tools.project import Project
from fanout_tools.scaffold.errors import ScaffoldError
from fanout_tools.scaffold.files import fill, refuse_existing, write

__all__ = ["Auth", "new_web"]

Auth = Literal["iam", "jwt", "none"]

_FILES: Final = ("web.yaml", "app.py", "handler.py", "test_app.py")
_AUTH: Final[dict[Via, tuple[Auth, ...]]] = {"router": (), "url": ("iam", "none"), "http_api": ("jwt", "none")}
_ISSUER: Final = "jwt: { issuer: https://issuer.example, audience: [CLIENT-ID] } # whose tokens it takes: fill in"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,30}")


def new_web(
    of: Project, name: str, *, via: Via = "router", auth: Auth | None = None, streaming: bool = False
) -> list[Path]:
    """Write a web function with its test.

    :param via: how requests reach it.
    :param auth: who may call, ``iam`` or ``jwt`` and ``none``; the safer one where it is not said.
    :param streaming: whether answers are sent while the app makes them, by way of a function URL.
    :returns: the files that were written.
    :raises ScaffoldError: the name cannot be used, or is taken.
    """
    if not _NAME.fullmatch(name):
        raise ScaffoldError(
            f"{name}: a function's name has lower-case letters, digits and _, a letter first, 31 at most"
        )
    folder = of.services / name
    refuse_existing(folder)
    way = _way(via, auth, streaming=streaming)
    package = ".".join(of.services.resolve().relative_to(of.root).parts)
    fields = {"name": name, "services": package, "description": name.replace("_", " ").capitalize(), "way": way}
    files = {folder / path: fill(f"web/{path}", **fields) for path in _FILES}
    if (of.services / "__init__.py").exists():
        files[folder / "__init__.py"] = ""
    return write(files)


def _way(via: Via, auth: Auth | None, *, streaming: bool) -> str:
    """What web.yaml says of it."""
    allowed = _AUTH[via]
    if auth is not None and auth not in allowed:
        raise ScaffoldError(f"--auth {auth}: via {via} it is {' or '.join(allowed) or 'the app that asks who calls'}")
    if streaming and via != "url":
        told = "the router streams whatever it is told" if via == "router" else "an HTTP API hands on whole answers"
        raise ScaffoldError(f"--streaming is for --via url: {told}")
    if via == "router":
        return ""
    taken = auth or allowed[0]
    if via == "url":
        return f"via: url\nurl: {{ auth: {taken}{', streaming: true' if streaming else ''} }}\n"
    if taken == "none":
        return "via: http_api\nhttp_api: { auth: none }\n"
    return f"via: http_api\nhttp_api:\n  {_ISSUER}\n"
