"""The rest of a request whose Upgrade we do not follow.

httptools takes whatever follows a head with an Upgrade for the other protocol, even a body whose length the head
announces. Read as requests, such a body is request smuggling. So a fresh parser is told of the body's framing by a head
of our own, which the reader never sees, and goes on from there.
"""

from typing import Protocol

import httptools

__all__ = ["resumed_parser"]


class ParserCallbacks(Protocol):
    """What httptools calls: the reader."""

    def on_message_begin(self) -> None:
        """A request begins."""

    def on_url(self, url: bytes) -> None:
        """A part of the request target."""

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field, of the head or of the trailers."""

    def on_headers_complete(self) -> None:
        """The head is whole."""

    def on_body(self, data: bytes) -> None:
        """A part of the body."""

    def on_message_complete(self) -> None:
        """The request is whole."""


def resumed_parser(reader: ParserCallbacks, framing: bytes) -> httptools.HttpRequestParser:
    """A parser that takes the body framed by the field line ``framing``, and then further requests."""
    callbacks = _BehindHead(reader)
    parser = httptools.HttpRequestParser(callbacks)
    parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n\r\n" % framing)
    callbacks.hear()
    return parser


class _BehindHead:
    """The reader's callbacks, silent until the head of our own is through."""

    def __init__(self, reader: ParserCallbacks) -> None:
        self._reader = reader
        self._silent = True

    def hear(self) -> None:
        """From here on everything is the client's."""
        self._silent = False

    def on_message_begin(self) -> None:
        if not self._silent:
            self._reader.on_message_begin()

    def on_url(self, url: bytes) -> None:
        if not self._silent:
            self._reader.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._silent:
            self._reader.on_header(name, value)

    def on_headers_complete(self) -> None:
        if not self._silent:
            self._reader.on_headers_complete()

    def on_body(self, data: bytes) -> None:
        self._reader.on_body(data)

    def on_message_complete(self) -> None:
        self._reader.on_message_complete()
