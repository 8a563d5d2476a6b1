"""What a route is: an address, who may ask for it, and what finds the page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from fanout.errors import FanoutError
from fanout_tools.console.access import Role
from fanout_tools.console.answers import Page
from fanout_tools.console.console import Console

__all__ = ["FORM_TOKEN", "Entry", "Find", "FormError", "form_of"]

FORM_TOKEN = "form_token"
MAX_FORM_BYTES = 1_000_000

Find = Callable[[Request, Console], Awaitable[Page | Response]]


class FormError(FanoutError):
    """A form is not as this console made it; the text says what is wrong."""

    exit_code = 2


class Entry(NamedTuple):
    """One route."""

    path: str
    find: Find
    role: Role = Role.OBSERVER
    method: str = "GET"


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form that a page sent; of a field that comes several times, the values in lines.

    :raises FormError: it is too long, or no text.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise FormError(f"over {MAX_FORM_BYTES:,} bytes")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body), max_num_fields=5_000)
    except ValueError as error:
        raise FormError(f"not a form: {error}") from error
    fields: dict[str, str] = {}
    for name, value in pairs:
        fields[name] = f"{fields[name]}\n{value}" if name in fields else value
    return fields
