"""Answers that the router gives in the app's stead."""

from http import HTTPStatus

from fanout_router.errors import DispatchError
from fanout_router.exchange import Failure

__all__ = ["REASONS", "STATUS_OF", "RefusedError", "refusal", "refusal_parts"]

_RETRY_AFTER_S = 1

REASONS: dict[int, str] = {
    400: "The request is not valid HTTP.",
    404: "No web function serves this host and path.",
    408: "The request did not come in time.",
    413: "The request body is too large.",
    414: "The request target is too long.",
    417: "The expectation cannot be met.",
    431: "The request header fields are too large or too many.",
    501: "The method or transfer coding is not supported.",
    502: "The application did not give a valid response.",
    503: "The service is busy; try again.",
    504: "The application did not answer in time.",
}

STATUS_OF: dict[Failure, int] = {
    Failure.QUEUE_FULL: 503,
    Failure.QUEUE_TIMEOUT: 503,
    Failure.CLOSING: 503,
    Failure.RESPONSE_TIMEOUT: 504,
    Failure.ENVIRONMENT_LOST: 502,
    Failure.APP_FAILED: 502,
    Failure.BAD_RESPONSE: 502,
}


def refusal(status: int, *, close: bool = True, body: bool = True, request_id: str = "") -> bytes:
    """The whole response. ``body`` is False for HEAD: the fields stay, the body goes."""
    fields, text = refusal_parts(status, request_id)
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in fields)]
    if close:
        lines.append("connection: close")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (text if body else b"")


def refusal_parts(status: int, request_id: str = "") -> tuple[list[tuple[str, str]], bytes]:
    """The response's fields and body, for either version of HTTP."""
    extra = f', "request_id": "{request_id}"' if request_id else ""
    text = f'{{"status": {status}, "error": "{REASONS[status]}"{extra}}}\n'.encode()
    fields = [
        ("content-type", "application/json"),
        ("content-length", str(len(text))),
        ("cache-control", "no-store"),
    ]
    if status == 503:
        fields.append(("retry-after", str(_RETRY_AFTER_S)))
    return fields, text


class RefusedError(DispatchError):
    """Why a request is refused; caught where its stream is known."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status
