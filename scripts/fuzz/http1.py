"""HTTP/1.1 requests, among them the shapes that request smuggling is made of."""

import random

__all__ = ["TOKENS", "generate"]

_METHODS = (b"GET", b"GET", b"HEAD", b"POST", b"POST", b"PUT", b"OPTIONS", b"DELETE", b"PATCH", b"CONNECT", b"M-SEARCH")
_TARGETS = (
    *(b"/", b"//", b"/a/b?x=1&x=2", b"/%2e%2e/a%20b?q=%zz", b"*", b"http://a/b", b"http://a?q", b"https://u@a/", b""),
    *(b"/" + b"a" * 1_100, b"/\xc3\xa9", b"/a b", b"/\tx", b"/#f", b"a/b", b"ftp://a/", b"HTTP://A"),
)
_VERSIONS = (*(b"HTTP/1.1",) * 9, b"HTTP/1.0", b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/0.9", b"http/1.1", b"")
_FIELDS = (
    *(b"Accept: */*", b"Cookie: a=b", b"X-Empty:", b"X-Tab:\ta\tb", b"x-bytes: \xff\xfe", b"X-Long: " + b"y" * 300),
    *(b"Connection: close", b"Connection: keep-alive", b"Connection: x-a, Cookie", b"Connection: content-length"),
    *(b"Connection: upgrade\r\nUpgrade: websocket", b"Connection: upgrade\r\nUpgrade: h2c", b"Upgrade: websocket"),
    *(b"Expect: 100-continue", b"Expect: 200-ok", b"TE: trailers", b"Trailer: X-T", b"Keep-Alive: 5", b"Proxy: x"),
    *(b"X-Forwarded-For: 6.6.6.6", b"X-Forwarded-Proto: https", b"Forwarded: for=6.6.6.6", b"X-Real-IP: 6.6.6.6"),
    *(b"X-Request-Id: abc", b"X-Request-Id: a b", b"Host: b", b"host : a", b" folded: x", b"No-Colon", b": no name"),
    *(b"X\x00Y: z", b"X-Nul: a\x00b", b"X-CR: a\rb", b"X-LF: a\nX-Next: b", b"\tX: y", b"X_Y: z"),
)
_FRAMINGS = (
    *(
        b"Content-Length: 5",
        b"Content-Length: 0",
        b"Content-Length: 05",
        b"Content-Length: +5",
        b"Content-Length: 5, 5",
    ),
    *(b"Content-Length: -1", b"Content-Length: 99999999999999999999999", b"Content-Length: 0x5", b"Content-Length:"),
    *(b"Content-Length: 5\r\nContent-Length: 5", b"Content-Length: 5\r\nContent-Length: 6", b"Content-Length: 30000"),
    *(b"Transfer-Encoding: chunked",) * 6,
    *(b"Transfer-Encoding: Chunked", b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: identity"),
    *(b"Transfer-Encoding:\tchunked", b"Transfer-Encoding : chunked", b"Transfer-Encoding: xchunked"),
    *(b"Transfer-Encoding: chunked\r\nContent-Length: 5", b"Content-Length: 5\r\nTransfer-Encoding: chunked"),
    *(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", b"Transfer-Encoding: chunked, identity"),
    b"Transfer-Encoding: \x0bchunked",
)
_CHUNKS = (
    *(b"3\r\nabc\r\n", b"3\r\nabc\r\n", b"0a\r\n0123456789\r\n", b"3;ext=1\r\nabc\r\n", b"3 \r\nabc\r\n"),
    *(
        b"3\r\nabcd\r\n",
        b"3\nabc\n",
        b"0x3\r\nabc\r\n",
        b"-3\r\nabc\r\n",
        b"fffffffffffffffff\r\n",
        b"3\r\nab\r\nc\r\n",
    ),
)
_ENDS = (b"0\r\n\r\n",) * 6 + (
    b"0\r\nX-T: 1\r\n\r\n",
    b"00\r\n\r\n",
    b"0\r\n",
    b"",
    b"0\r\nHost: evil\r\n\r\n",
    b"0\n\n",
)

TOKENS = (
    *(
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b"\r",
        b" ",
        b"\t",
        b"\x00",
        b":",
        b",",
        b";",
        b"chunked",
        b"0\r\n\r\n",
        b"5",
        b"ff\r\n",
    ),
    *(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"),
    *(field + b"\r\n" for field in (*_FIELDS, *_FRAMINGS)),
    *_CHUNKS,
)


def generate(rng: random.Random) -> bytes:
    """One to five requests, one behind the other; sometimes the same again, as clients repeat themselves."""
    if rng.random() < 0.2:
        return _request(rng) * rng.randrange(2, 5)
    return b"".join(_request(rng) for _ in range(rng.choice((1, 1, 2, 2, 3, 5))))


def _request(rng: random.Random) -> bytes:
    odd = rng.random() < 0.3
    method = rng.choice(_METHODS)
    target = rng.choice(_TARGETS) if odd else rng.choice(_TARGETS[:4])
    version = rng.choice(_VERSIONS) if odd else b"HTTP/1.1"
    fields = [] if odd and rng.random() < 0.2 else [b"Host: a"]
    fields += rng.sample(_FIELDS if odd else _FIELDS[:16], rng.choice((0, 0, 1, 2, 5)))
    body = b""
    if rng.random() < 0.5:
        framing = rng.choice(_FRAMINGS) if odd else rng.choice((_FRAMINGS[0], _FRAMINGS[12]))
        fields.append(framing)
        body = _body(rng, framing, odd)
    if odd:
        rng.shuffle(fields)
    return b"%b %b %b\r\n%b\r\n" % (method, target, version, b"".join(field + b"\r\n" for field in fields)) + body


def _body(rng: random.Random, framing: bytes, odd: bool) -> bytes:
    if b"ransfer" not in framing:
        return b"x" * 30_000 if b"30000" in framing else b"hello"
    chunks = _CHUNKS if odd else _CHUNKS[:4]
    body = b"".join(rng.choice(chunks) for _ in range(rng.randrange(4)))
    return body + (rng.choice(_ENDS) if odd else _ENDS[0])
