"""Large bodies both ways, streamed: what a function behind API Gateway (10 MB) or a function URL (6 MB) cannot do."""

import random
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from functools import cache
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from services.storefront.bodies import parts
from services.storefront.strangers import refuse_foreign

__all__ = ["SAMPLE_BYTES", "download", "upload"]

MAX_UPLOAD_BYTES = 100 * 1024 * 1024
SAMPLE_BYTES = 10 * 1000 * 1000

_PART = 64 * 1024


async def upload(request: Request) -> Response:
    """``POST /files``: the size and SHA-256 of what was sent. Nothing is kept, and no more held than a part."""
    refuse_foreign(request)
    size, digest = 0, sha256()
    async for part in parts(request, MAX_UPLOAD_BYTES):
        size += len(part)
        digest.update(part)
    return JSONResponse({"size": size, "sha256": digest.hexdigest()})


async def download(_: Request) -> Response:
    """``GET /files/sample``: 10 MB that are the same each time, with their digest (RFC 9530)."""
    headers = {"content-length": str(SAMPLE_BYTES), "repr-digest": f"sha-256=:{b64encode(_digest()).decode()}:"}
    return StreamingResponse(_stream(), 200, headers, "application/octet-stream")


async def _stream() -> AsyncIterator[bytes]:
    for part in _parts():
        yield part


def _parts() -> Iterator[bytes]:
    source = random.Random(1997)
    for start in range(0, SAMPLE_BYTES, _PART):
        yield source.randbytes(min(_PART, SAMPLE_BYTES - start))


@cache
def _digest() -> bytes:
    digest = sha256()
    for part in _parts():
        digest.update(part)
    return digest.digest()
