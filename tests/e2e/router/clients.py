"""Real HTTP clients behind one face, so that each meets the same tests."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Protocol

import httpx
import pytest
from pyqwest import HTTPVersion, SyncClient, SyncHTTPTransport


class Client(Protocol):
    """One client, of HTTP/1.1 or of HTTP/2 with prior knowledge."""

    def send(self, url: str, parts: Iterator[bytes]) -> bytes:
        """POST a body of unknown length; the answer's body."""

    def stream(self, url: str) -> Iterator[bytes]:
        """GET, and the parts of the answer's body as they come; closing the iterator leaves."""


class Httpx:
    """httpx: httpcore with h11, or with h2."""

    def __init__(self, *, http2: bool = False) -> None:
        self._options = {"http1": not http2, "http2": http2, "timeout": 30.0}

    def send(self, url: str, parts: Iterator[bytes]) -> bytes:
        with httpx.Client(**self._options) as client:  # type: ignore[arg-type]
            return client.post(url, content=parts).raise_for_status().content

    def stream(self, url: str) -> Iterator[bytes]:
        with (
            httpx.Client(**self._options) as client,  # type: ignore[arg-type]
            client.stream("GET", url) as answer,
        ):
            yield from answer.raise_for_status().iter_raw()


class Pyqwest:
    """pyqwest: hyper, by way of reqwest."""

    def __init__(self, *, http2: bool = False) -> None:
        self._version = HTTPVersion.HTTP2 if http2 else HTTPVersion.HTTP1

    def send(self, url: str, parts: Iterator[bytes]) -> bytes:
        with SyncHTTPTransport(http_version=self._version, timeout=30) as transport:
            answer = SyncClient(transport).post(url, content=parts)
            assert answer.status == 200
            return bytes(answer.content)

    def stream(self, url: str) -> Iterator[bytes]:
        with (
            SyncHTTPTransport(http_version=self._version, timeout=30) as transport,
            SyncClient(transport).stream("GET", url) as answer,
        ):
            assert answer.status == 200
            yield from map(bytes, answer.content)


class Curl:
    """curl: libcurl, with nghttp2."""

    def __init__(self, *, http2: bool = False) -> None:
        if shutil.which("curl") is None:
            pytest.skip("needs the package curl")
        self._command = ["curl", "-sSN", "--fail", "--http2-prior-knowledge" if http2 else "--http1.1"]

    def send(self, url: str, parts: Iterator[bytes]) -> bytes:
        done = subprocess.run(
            [*self._command, "-X", "POST", "-T", "-", url], input=b"".join(parts), capture_output=True, check=True
        )
        return done.stdout

    def stream(self, url: str) -> Iterator[bytes]:
        process = subprocess.Popen([*self._command, url], stdout=subprocess.PIPE)
        assert process.stdout is not None
        try:
            while part := process.stdout.read1(65_536):  # type: ignore[attr-defined]
                yield part
            assert process.wait(30) == 0
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


CLIENTS: dict[str, Callable[..., Client]] = {"httpx": Httpx, "pyqwest": Pyqwest, "curl": Curl}


def first_line(parts: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first line of a body, and the parts after it."""
    line = b""
    for part in parts:
        line += part
        if b"\n" in line:
            break
    head, _, rest = line.partition(b"\n")
    return head, chain([rest] if rest else [], parts)
