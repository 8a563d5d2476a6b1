"""Rules of RFC 9113 one by one, flow control, and the limits that bound abuse."""

import hpack
import pytest

from fanout_router.errors import WireError
from fanout_router.wire import WireLimits, frames
from tests.unit.fanout_router.wire.support import REQUEST, Server, StreamRecorder, connected


def headers(stream: int, *, end: bool = False, extra: tuple[tuple[bytes, bytes], ...] = ()) -> bytes:
    block = hpack.Encoder().encode([*REQUEST, *extra])
    return frames.frame(frames.HEADERS, frames.END_HEADERS | end, stream, block)


def failure(server: Server) -> int:
    assert server.said.failure is not None, "the connection should have failed"
    return server.said.failure.code


BROKEN: dict[str, tuple[bytes, int]] = {
    "data on stream 0": (frames.frame(0, 0, 0, b"x"), frames.PROTOCOL_ERROR),
    "data on idle stream": (frames.frame(0, 0, 1, b"x"), frames.PROTOCOL_ERROR),
    "data after end": (headers(1, end=True) + frames.frame(0, 0, 1, b"x"), frames.STREAM_CLOSED),
    "padding too long": (headers(1) + frames.frame(0, 8, 1, b"\x05abc"), frames.PROTOCOL_ERROR),
    "headers on stream 0": (frames.frame(1, 4, 0, b""), frames.PROTOCOL_ERROR),
    "even stream": (headers(2), frames.PROTOCOL_ERROR),
    "second headers": (headers(1) + headers(1), frames.PROTOCOL_ERROR),
    "bad hpack": (frames.frame(1, 4, 1, b"\xff\xff\xff\xff\xff\xff"), frames.COMPRESSION_ERROR),
    "self dependency": (frames.frame(1, 0x24, 1, b"\0\0\0\1\0"), frames.PROTOCOL_ERROR),
    "interrupted block": (frames.frame(1, 0, 1) + frames.frame(6, 0, 0, b"8" * 8), frames.PROTOCOL_ERROR),
    "lone continuation": (frames.frame(9, 4, 1, b""), frames.PROTOCOL_ERROR),
    "priority length": (frames.frame(2, 0, 1, b"123"), frames.FRAME_SIZE_ERROR),
    "rst length": (headers(1) + frames.frame(3, 0, 1, b"123"), frames.FRAME_SIZE_ERROR),
    "rst idle": (frames.rst_stream(1, 0), frames.PROTOCOL_ERROR),
    "settings on stream": (frames.frame(4, 0, 1, b""), frames.PROTOCOL_ERROR),
    "settings length": (frames.frame(4, 0, 0, b"12345"), frames.FRAME_SIZE_ERROR),
    "settings ack with payload": (frames.frame(4, 1, 0, b"123456"), frames.FRAME_SIZE_ERROR),
    "settings frame size": (frames.settings([(5, 100)]), frames.PROTOCOL_ERROR),
    "settings window": (frames.settings([(4, 2**31)]), frames.FLOW_CONTROL_ERROR),
    "settings push": (frames.settings([(2, 7)]), frames.PROTOCOL_ERROR),
    "push promise": (frames.frame(5, 4, 1, b"\0\0\0\2"), frames.PROTOCOL_ERROR),
    "ping length": (frames.frame(6, 0, 0, b"1"), frames.FRAME_SIZE_ERROR),
    "ping on stream": (frames.frame(6, 0, 1, b"8" * 8), frames.PROTOCOL_ERROR),
    "goaway length": (frames.frame(7, 0, 0, b"1"), frames.FRAME_SIZE_ERROR),
    "goaway on stream": (frames.frame(7, 0, 1, b"8" * 8), frames.PROTOCOL_ERROR),
    "window length": (frames.frame(8, 0, 0, b"1"), frames.FRAME_SIZE_ERROR),
    "window of 0": (frames.window_update(0, 0), frames.PROTOCOL_ERROR),
    "window overflow": (frames.window_update(0, 2**31 - 1), frames.FLOW_CONTROL_ERROR),
    "window idle": (frames.window_update(1, 1), frames.PROTOCOL_ERROR),
    "frame too large": (frames.HEADER.pack(2, 100, 0, 0, 1), frames.FRAME_SIZE_ERROR),
    "stream window overflow by settings": (
        headers(1) + frames.window_update(1, 2**31 - 1 - 65_535) + frames.settings([(4, 65_536)]),
        frames.FLOW_CONTROL_ERROR,
    ),
}


@pytest.mark.parametrize("chunk", [0, 1])
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_ends_the_connection_with_its_code(name: str, chunk: int) -> None:
    data, code = BROKEN[name]
    server = Server()
    server.receive(data, chunk)
    assert failure(server) == code


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\n\r\n", frames.PREFACE + frames.frame(6, 0, 0, b"8" * 8)])
def test_a_connection_must_begin_with_preface_and_settings(first: bytes) -> None:
    server = Server(greeted=False)
    server.receive(first)
    assert failure(server) == frames.PROTOCOL_ERROR


MALFORMED: dict[str, list[tuple[bytes, bytes]]] = {
    "no path": [(b":method", b"GET"), (b":scheme", b"https")],
    "empty path": [(b":method", b"GET"), (b":scheme", b"https"), (b":path", b"")],
    "repeated": [*REQUEST, (b":path", b"/")],
    "unknown pseudo": [*REQUEST, (b":status", b"200")],
    "pseudo after field": [*REQUEST[:3], (b"a", b"b"), REQUEST[3]],
    "upper case": [*REQUEST, (b"X-Big", b"1")],
    "connection": [*REQUEST, (b"connection", b"close")],
    "te": [*REQUEST, (b"te", b"gzip")],
    "te behind another": [*REQUEST, (b"te", b"trailers"), (b"te", b"gzip")],
    "NUL in name": [*REQUEST, (b"x\0y", b"1")],
    "NUL in value": [*REQUEST, (b"x", b"\0y")],
    "line break in name": [*REQUEST, (b"x\ny", b"1")],
    "empty name": [*REQUEST, (b"", b"1")],
    "blank in name": [*REQUEST, (b"x y", b"1")],
    "colon in name": [*REQUEST, (b"x:y", b"1")],
    "value with a tab behind": [*REQUEST, (b"x", b"a\t")],
    "newline": [*REQUEST, (b"x", b"a\r\nb: c")],
    "a field within a value": [*REQUEST, (b"x", b"a\nb\0c")],
    "padded value": [*REQUEST, (b"x", b" a")],
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_request_resets_its_stream_alone(name: str) -> None:
    # GIVEN a stream that is well
    server = Server()
    encoder = hpack.Encoder()
    server.receive(frames.frame(frames.HEADERS, frames.END_HEADERS, 1, encoder.encode(REQUEST)))
    server.take()
    # WHEN a malformed request comes
    server.receive(frames.frame(frames.HEADERS, frames.END_HEADERS, 3, encoder.encode(MALFORMED[name])))
    # THEN it alone is reset
    assert server.take() == frames.rst_stream(3, frames.PROTOCOL_ERROR)
    assert list(server.connection.streams) == [1]
    assert server.said.failure is None


def test_data_waits_for_the_peers_windows_and_tells_when_it_has_gone() -> None:
    # GIVEN a stream whose peer allows 10 bytes
    server = Server()
    server.receive(frames.settings([(frames.INITIAL_WINDOW_SIZE, 10)]) + headers(1))
    stream = server.connection.streams[1]
    server.take()
    # WHEN 25 bytes are sent, and the window grows twice
    assert stream.send(b"a" * 25) is False
    assert server.take() == frames.frame(0, 0, 1, b"a" * 10)
    server.receive(frames.window_update(1, 5))
    assert server.take() == frames.frame(0, 0, 1, b"a" * 5)
    assert server.said.streams[1].drained == 0
    server.receive(frames.window_update(1, 100))
    # THEN all is written, and the sender is told once
    assert server.take() == frames.frame(0, 0, 1, b"a" * 10)
    assert server.said.streams[1].drained == 1
    assert stream.send(b"b") is True


def test_a_shrunk_window_may_become_negative_and_recovers() -> None:
    server = Server()
    server.receive(headers(1))
    stream = server.connection.streams[1]
    stream.send(b"a" * 100)
    server.receive(frames.settings([(frames.INITIAL_WINDOW_SIZE, 50)]))
    server.take()
    assert stream.send_window == -50
    assert stream.send(b"b") is False
    server.receive(frames.window_update(1, 51))
    assert server.take() == frames.frame(0, 0, 1, b"b")


def test_end_of_stream_waits_behind_held_data() -> None:
    server = Server()
    server.receive(frames.settings([(frames.INITIAL_WINDOW_SIZE, 0)]) + headers(1, end=True))
    stream = server.connection.streams[1]
    server.take()
    stream.send(b"xy", end=True)
    server.receive(frames.window_update(1, 2))
    assert server.take() == frames.frame(0, 1, 1, b"xy")
    assert not server.connection.streams


def test_a_full_transport_holds_data_back() -> None:
    server = Server()
    server.receive(headers(1))
    server.take()
    server.connection.pause_writing()
    assert server.connection.streams[1].send(b"x") is False
    assert server.take() == b""
    server.connection.resume_writing()
    assert server.take() == frames.frame(0, 0, 1, b"x")


def test_credit_is_returned_for_what_was_moved_on() -> None:
    server = Server()
    server.receive(headers(1) + frames.frame(0, 0, 1, b"x" * 1000))
    server.take()
    server.connection.streams[1].credit()
    server.connection.streams[1].credit()
    assert server.take() == frames.window_update(1, 1000)


def test_a_peer_that_ignores_the_stream_window_is_cut_off() -> None:
    server = Server(WireLimits(stream_window=20_000))
    server.receive(headers(1) + frames.frame(0, 0, 1, b"x" * 16_000))
    assert server.said.failure is None
    server.receive(frames.frame(0, 0, 1, b"x" * 4_001))
    assert failure(server) == frames.FLOW_CONTROL_ERROR


def test_connection_credit_flows_although_a_stream_withholds_its_own() -> None:
    server = Server(WireLimits(connection_window=100_000))
    server.receive(headers(1))
    server.take()
    for _ in range(2):
        server.receive(frames.frame(0, 0, 1, b"x" * 16_000))
    assert server.take() == frames.window_update(0, 32_000)


FLOODS = {
    "settings": frames.settings([]),
    "settings acks": frames.SETTINGS_ACK,
    "ping": frames.frame(frames.PING, 0, 0, b"12345678"),
    "ping acks": frames.frame(frames.PING, frames.ACK, 0, b"12345678"),
    "priority": frames.frame(frames.PRIORITY, 0, 1, b"\0" * 5),
    "unknown": frames.frame(0x77, 0, 0, b""),
    "empty data": frames.frame(0, 0, 1, b""),
    "padded empty data": frames.frame(0, frames.PADDED, 1, b"\0"),
    "byte-wise windows": frames.window_update(1, 1),
    "goaway": frames.goaway(0, 0),
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_is_cut_off_and_a_trickle_is_not(name: str) -> None:
    # GIVEN a budget of 50 frames, and 10 more a second
    limits = WireLimits(overhead_burst=50, overhead_rate=10)
    flooded, trickled = Server(limits), Server(limits)
    for server in (flooded, trickled):
        server.receive(headers(1))
    # WHEN one peer sends 60 at once, another 10 a second for a minute
    flooded.receive(FLOODS[name] * 60)
    for _ in range(600):
        trickled.clock.now += 0.1
        trickled.receive(FLOODS[name])
    # THEN only the first is cut off
    assert failure(flooded) == frames.ENHANCE_YOUR_CALM
    assert trickled.said.failure is None


def test_rapid_reset_is_cut_off() -> None:
    server = Server(WireLimits(overhead_burst=100, overhead_rate=10))
    for stream in range(1, 400, 2):
        server.receive(headers(stream) + frames.rst_stream(stream, frames.CANCEL))
    assert failure(server) == frames.ENHANCE_YOUR_CALM
    assert len(server.said.opened) <= 50


def test_a_continuation_flood_is_cut_off_by_size_and_by_count() -> None:
    by_size, by_count = Server(WireLimits(header_block=10_000)), Server(WireLimits(overhead_burst=100))
    by_size.receive(frames.frame(1, 0, 1, b"") + frames.frame(9, 0, 1, b"\0" * 5_001) * 2)
    by_count.receive(frames.frame(1, 0, 1, b"") + frames.frame(9, 0, 1, b"") * 200)
    assert failure(by_size) == failure(by_count) == frames.ENHANCE_YOUR_CALM


def test_an_hpack_bomb_is_cut_off() -> None:
    # GIVEN one large value put into the dynamic table, then referred to 4,000 times by one byte each
    block = hpack.Encoder().encode([*REQUEST, (b"x", b"a" * 4_000)]) + b"\xbe" * 4_000
    server = Server()
    server.receive(frames.frame(1, 4, 1, block))
    assert failure(server) == frames.ENHANCE_YOUR_CALM


def test_streams_above_the_limit_are_refused() -> None:
    server = Server(WireLimits(streams=2))
    server.receive(headers(1) + headers(3))
    server.take()
    server.receive(headers(5))
    assert server.take() == frames.rst_stream(5, frames.REFUSED_STREAM)
    assert len(server.said.opened) == 2


def test_streams_after_our_goaway_are_refused() -> None:
    server = Server()
    server.connection.goaway()
    server.take()
    server.receive(headers(1))
    assert server.take() == frames.rst_stream(1, frames.REFUSED_STREAM)


def test_held_output_is_bounded() -> None:
    server = Server(WireLimits(pending_output=1_000))
    server.receive(frames.settings([(frames.INITIAL_WINDOW_SIZE, 0)]) + headers(1))
    server.connection.streams[1].send(b"x" * 1_001)
    assert server.said.streams[1].code == frames.ENHANCE_YOUR_CALM
    assert not server.connection.streams


def test_a_stream_window_overflow_resets_that_stream() -> None:
    server = Server()
    server.receive(headers(1) + headers(3) + frames.window_update(1, 2**31 - 1))
    assert server.said.streams[1].code == frames.FLOW_CONTROL_ERROR
    assert list(server.connection.streams) == [3]
    assert server.said.failure is None


def test_frames_for_a_stream_we_reset_are_ignored() -> None:
    server = Server()
    server.receive(headers(1))
    server.connection.streams[1].reset(frames.CANCEL)
    server.receive(frames.frame(0, 0, 1, b"late") + frames.rst_stream(1, 0) + frames.window_update(1, 9))
    assert server.said.failure is None
    assert server.said.streams[1].code is None


def test_a_lost_connection_closes_every_stream_once() -> None:
    server = Server()
    server.receive(headers(1) + headers(3))
    server.connection.connection_lost()
    server.receive(headers(5))
    assert [server.said.streams[key].code for key in (1, 3)] == [frames.CANCEL, frames.CANCEL]
    assert len(server.said.opened) == 2


def test_both_roles_speak_to_each_other() -> None:
    server, client, said = connected()
    answer = StreamRecorder()
    stream = client.open_stream([*REQUEST], answer)
    stream.send(b"ping", end=True)
    theirs = server.connection.streams[1]
    assert (server.said.streams[1].data, server.said.streams[1].ended) == (b"ping", True)
    theirs.send_headers([(b":status", b"200")])
    theirs.send(b"pong", end=True)
    assert (answer.headers, answer.data, answer.ended) == ([(b":status", b"200")], b"pong", True)
    assert not client.streams
    assert not server.connection.streams
    server.connection.ping(b"12345678")
    assert server.said.pings == [b"12345678"]
    server.connection.goaway()
    assert said.goaways == [0]


def test_a_client_opens_no_stream_on_a_closed_connection() -> None:
    _, client, _ = connected()
    client.connection_lost()
    with pytest.raises(WireError, match="no stream"):
        client.open_stream([*REQUEST], StreamRecorder())


def test_a_client_opens_no_more_streams_than_the_peer_takes() -> None:
    _, client, _ = connected(WireLimits(streams=1))
    client.open_stream([*REQUEST], StreamRecorder())
    with pytest.raises(WireError, match="no stream"):
        client.open_stream([*REQUEST], StreamRecorder())


@pytest.mark.parametrize("chunk", [5_000, 16_000, 60_000])
def test_a_large_frame_is_passed_on_as_it_comes(chunk: int) -> None:
    server = Server()
    server.receive(headers(1))
    data = frames.frame(0, 1, 1, b"x" * 60_000)
    server.receive(data[:chunk])
    said = server.said.streams[1]
    assert len(said.data) == chunk - 9
    assert not said.ended
    server.receive(data[chunk:], 7_000)
    assert (said.data, said.ended) == (b"x" * 60_000, True)
    server.receive(frames.frame(6, 0, 0, b"12345678"))
    assert server.said.failure is None


def test_the_rest_of_a_large_frame_is_skipped_when_its_stream_is_reset_meanwhile() -> None:
    server = Server()
    server.receive(headers(1) + headers(3))
    data = frames.frame(0, 0, 1, b"x" * 60_000) + frames.frame(0, 0, 3, b"after")
    server.receive(data[:30_000])
    server.connection.streams[1].reset(frames.CANCEL)
    server.receive(data[30_000:])
    assert server.said.failure is None
    assert server.said.streams[3].data == b"after"


def test_a_large_frame_beyond_the_window_is_cut_off_in_its_midst() -> None:
    server = Server(WireLimits(stream_window=30_000))
    server.receive(headers(1) + frames.frame(0, 0, 1, b"x" * 60_000)[:40_000])
    assert failure(server) == frames.FLOW_CONTROL_ERROR


def test_requests_that_end_well_are_no_flood() -> None:
    server = Server(WireLimits(overhead_burst=10, overhead_rate=0.001))
    for stream in range(1, 201, 2):
        server.receive(headers(stream, end=True))
        opened = server.said.streams[stream].stream
        assert opened is not None
        opened.send_headers([(b":status", b"204")], end=True)
        server.connection.progress()
        server.receive(frames.window_update(stream, 65_535))  # crosses the end of its stream, as it may
    assert server.said.failure is None
