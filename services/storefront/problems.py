"""Errors as JSON problems (RFC 9457, ``application/problem+json``): what is wrong, and where."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

__all__ = ["HANDLERS", "Problem"]

_log = logging.getLogger(__name__)

Handler = Callable[[Request, Any], Response | Awaitable[Response]]


class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """Raised by an endpoint to answer with a problem.

    :param detail: for the person who reads it.
    :param more: further members of the problem, ``errors`` for instance.
    """

    def __init__(self, status: HTTPStatus, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.more = more


def _of_endpoint(_: Request, problem: Problem) -> Response:
    headers = {"retry-after": "1"} if problem.status is HTTPStatus.SERVICE_UNAVAILABLE else None
    return _response(problem.status, problem.detail, headers, **problem.more)


def _of_routing(request: Request, error: HTTPException) -> Response:
    details = {404: f"there is nothing at {request.url.path}", 405: f"{request.method} is not for {request.url.path}"}
    return _response(HTTPStatus(error.status_code), details.get(error.status_code, error.detail), error.headers)


def _of_failure(request: Request, error: Exception) -> Response:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _response(HTTPStatus.INTERNAL_SERVER_ERROR, "the shop has failed; its log says why")


def _response(status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    content = {"title": status.phrase, "status": status.value, "detail": detail, **more}
    return JSONResponse(content, status, headers, media_type="application/problem+json")


HANDLERS: Mapping[Any, Handler] = {
    Problem: _of_endpoint,
    HTTPException: _of_routing,
    Exception: _of_failure,
}
