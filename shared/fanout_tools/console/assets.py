"""The files that pages are made with, read and packed once: a first visit is not to wait for a disk."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

__all__ = ["STATIC", "Asset", "address", "assets", "serve_asset"]

STATIC = Path(__file__).parent / "static"
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FOR_GOOD = "public, max-age=31536000, immutable"
"""An address changes with its content."""


class Asset(NamedTuple):
    """One file."""

    content: bytes
    packed: bytes
    kind: str
    digest: str


@cache
def assets() -> dict[str, Asset]:
    """Every file by its name under ``static/``; what has no kind, such as the lock, is not served."""
    found = (path for path in sorted(STATIC.rglob("*")) if path.suffix in KINDS)
    return {path.relative_to(STATIC).as_posix(): _asset(path) for path in found}


def _asset(path: Path) -> Asset:
    content = path.read_bytes()
    digest = hashlib.blake2b(content, digest_size=6).hexdigest()
    return Asset(content, gzip.compress(content, mtime=0), KINDS[path.suffix], digest)


def address(name: str) -> str:
    """Where a page finds a file."""
    return f"/static/{name}?{assets()[name].digest}"


async def serve_asset(request: Request) -> Response:
    """
    :raises HTTPException: there is no such file.
    """
    found = assets().get(request.path_params["name"])
    if found is None:
        raise HTTPException(404)
    headers = {"cache-control": FOR_GOOD, "vary": "accept-encoding"}
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(found.content, headers=headers, media_type=found.kind)
    return Response(found.packed, headers={**headers, "content-encoding": "gzip"}, media_type=found.kind)
