"""Heads beside what httptools (llhttp, strict) makes of them, and the search for the fields that matter."""

import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanout_router.adapter.call import Call, ResponseChannel
from fanout_router.http.fields import SPECIAL
from fanout_router.http.head import METHODS, match_head, special_lines, without

SAMPLE = b"PUT /a?b=c#d HTTP/1.1\r\nHost: x:1\r\nX-A: b \tc\r\nEmpty:\r\n\r\n"

Read = tuple[bytes, bytes, list[tuple[bytes, bytes]]]


class Oracle:
    """A head as httptools reads it."""

    def __init__(self) -> None:
        self.target = b""
        self.fields: list[tuple[bytes, bytes]] = []
        self.whole = False

    def on_url(self, part: bytes) -> None:
        self.target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        self.whole = True


def read_by_httptools(data: bytes) -> Read | None:
    oracle = Oracle()
    parser = httptools.HttpRequestParser(oracle)
    try:
        parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError:
        return None
    if not oracle.whole or parser.get_http_version() not in ("1.0", "1.1"):
        return None
    return parser.get_method(), oracle.target, oracle.fields


def read_by_us(data: bytes, channel: ResponseChannel | None = None) -> Read | None:
    """The head as the router takes it, and as the adapter reads what passes."""
    found = match_head(data)
    if found is None or found.end() != len(data) or found[1] not in METHODS | {b"CONNECT": False}:
        return None
    call = Call(channel, data, True)  # type: ignore[arg-type]
    return found[1], found[2], call.fields


def one_head(data: bytes) -> bool:
    """Whether there is nothing before and behind a head: that is the reader's to deal with."""
    return not data.startswith((b"\r", b"\n")) and data.find(b"\r\n\r\n") in (-1, len(data) - 4)


def agree(data: bytes) -> bool:
    ours, theirs = read_by_us(data), read_by_httptools(data)
    if theirs is not None and theirs[1][:1] != b"/":
        return True  # which targets in other forms are good is the reader's to say, see test_fields and test_refusals
    wrong = any(len(line.split(b" ")) != 3 for line in data.split(b"\r\n")[:1])  # it takes several blanks for one
    return ours == (None if wrong else theirs) or (ours is not None and ours[1][:1] != b"/")


@pytest.mark.parametrize("at", range(len(SAMPLE)))
def test_every_byte_at_every_place_is_taken_or_refused_as_httptools_does(at: int) -> None:
    for number in range(256):
        byte = bytes([number])
        for data in (SAMPLE[:at] + byte + SAMPLE[at:], SAMPLE[:at] + byte + SAMPLE[at + 1 :]):
            assert not one_head(data) or agree(data), data


PIECES = st.sampled_from(
    [
        *(
            b"GET",
            b"POST",
            b"M-SEARCH",
            b"get",
            b" ",
            b" ",
            b"/",
            b"/x",
            b"HTTP/1.1",
            b"HTTP/1.0",
            b"HTTP/2.0",
            b"\r\n",
        ),
        *(
            b"\r",
            b"\n",
            b":",
            b": ",
            b" :",
            b"Host",
            b"X-A",
            b"X_B",
            b"\t",
            b"\0",
            b"\x7f",
            b"\x80",
            b"value",
            b"\r\n ",
        ),
    ]
)


@given(st.lists(PIECES, max_size=24).map(b"".join))
@settings(max_examples=1_500, deadline=None)
def test_pieces_of_heads_are_taken_or_refused_as_httptools_does(rest: bytes) -> None:
    for data in (b"GET / HTTP/1.1\r\n" + rest + b"\r\n\r\n", rest + b"\r\n\r\n"):
        assert not one_head(data) or agree(data), data


@given(
    st.lists(
        st.tuples(st.from_regex(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", fullmatch=True), st.binary(max_size=12)), max_size=5
    )
)
@settings(max_examples=500, deadline=None)
def test_what_passes_is_read_by_the_adapter_as_httptools_reads_it(fields: list[tuple[str, bytes]]) -> None:
    lines = b"".join(name.encode() + b":" + value + b"\r\n" for name, value in fields)
    data = b"GET / HTTP/1.1\r\n" + lines + b"\r\n"
    if one_head(data):
        assert agree(data) or {name.lower() for name, _ in fields} & {"content-length", "transfer-encoding"}


@pytest.mark.parametrize("name", SPECIAL)
def test_each_special_field_is_found_and_no_other(name: bytes) -> None:
    others = b"".join(
        b"%b: 1\r\n" % other for other in (name + b"x", b"x" + name, name[:-1] + b"_", b"a", b"x-forwarded")
    )
    head = b"get / http/1.1\r\n%b%b:  v \r\n%b\r\n" % (others, name, others)
    found = [(line[1], head[line.start() : line.end()]) for line in special_lines(head, 14)]
    assert found == [(name, b"\n%b:  v \r" % name)]


def test_the_first_and_the_last_field_are_found() -> None:
    head = b"get / http/1.1\r\nhost: a\r\nx-real-ip: b\r\nte: c\r\n\r\n"
    assert [line[1] for line in special_lines(head, 14)] == [b"host", b"x-real-ip", b"te"]


def test_fields_are_taken_out_whatever_their_case() -> None:
    lines = b"GET / HTTP/1.1\r\nX-A: 1\r\nB: 2\r\nx-a:3\r\n"
    assert without(lines, frozenset({b"x-a"})) == b"GET / HTTP/1.1\r\nB: 2\r\n"
