"""The body of a request, part by part and within a limit."""

from collections.abc import AsyncIterator
from http import HTTPStatus

from starlette.requests import ClientDisconnect, Request

from services.storefront.problems import Problem

__all__ = ["parts"]


async def parts(request: Request, most: int) -> AsyncIterator[bytes]:
    """The parts as they come.

    :param most: bytes of them all together.
    :raises Problem: 413; or 400, which nobody reads, when the client has left.
    """
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > most:
                raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body has more than {most} bytes")
            yield part
    except ClientDisconnect as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "the body is not whole") from error
