"""The codec against the ``h2`` library: the same bytes must mean the same to both, chopped anywhere."""

import random

import h2.config
import h2.connection
import h2.events
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanout_router.wire import ClientConnection, frames
from tests.unit.fanout_router.wire.h2_oracle import SERVER_CONFIG, H2Client, meaning_to_h2, meaning_to_us, tolerated
from tests.unit.fanout_router.wire.support import REQUEST, Clock, Recorder, Server, StreamRecorder

operations = st.lists(
    st.tuples(
        st.sampled_from(["open", "data", "data", "end", "trailers", "reset", "ping", "settings", "window"]),
        st.integers(0, 255),
    ),
    max_size=40,
)


@given(operations, st.integers(1, 60))
@settings(max_examples=150, deadline=None)
def test_a_conforming_clients_frames_mean_the_same(drawn: list[tuple[str, int]], chunk: int) -> None:
    client = H2Client()
    for operation in drawn:
        client.do(operation)
    data = client.h2.data_to_send()

    ours, written = meaning_to_us(data, chunk)

    theirs = meaning_to_h2(data)
    assert not ours.fatal
    assert ours == theirs
    client.h2.receive_data(written)  # what we wrote must be legal to h2 as well


def frame_bytes(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return frames.frame(kind, flags, stream, payload)


_BLOCK = bytes.fromhex("8387c5")  # replaced below by a real block; an invalid one is drawn on purpose too
_VALID_BLOCK = b"\x83\x87\x04\x08/channel\x01\x06router"

payloads = st.one_of(
    st.sampled_from([b"", b"\x00" * 4, b"\x00\x00\x00\x01", b"\x00" * 5, b"\x00" * 8, _VALID_BLOCK, _BLOCK]),
    st.binary(max_size=12),
)
illegal_frames = st.lists(
    st.builds(
        frame_bytes,
        st.sampled_from([0, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 11]),
        st.sampled_from([0, 0, 1, 4, 5, 8, 0x20]),
        st.sampled_from([0, 1, 1, 3, 3, 5, 2]),
        payloads,
    ),
    max_size=6,
)


@given(illegal_frames, st.integers(1, 30))
@settings(max_examples=400, deadline=None)
def test_what_h2_takes_we_take_and_what_we_refuse_h2_refuses(drawn: list[bytes], chunk: int) -> None:
    body = b"".join(drawn)
    data = frames.PREFACE + frames.settings([]) + body

    ours, _ = meaning_to_us(data, chunk)

    theirs = meaning_to_h2(data)
    if ours.fatal and not tolerated(body):
        assert theirs.fatal
    if not theirs.fatal and not tolerated(body):
        assert ours == theirs


@given(st.binary(max_size=400), st.integers(1, 50), st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_bytes_end_in_a_goaway_or_are_taken_never_in_another_error(junk: bytes, chunk: int, greeted: bool) -> None:
    server = Server(greeted=greeted)
    server.receive(junk, chunk)
    if server.said.failure is not None:
        assert frames.frame(frames.GOAWAY, 0, 0)[3:4] in server.take()
        assert server.connection.closed


@pytest.mark.parametrize("chunk", [1, 2, 7, 9, 10, 64, 0])
def test_a_session_chopped_at_every_byte_means_the_same(chunk: int) -> None:
    client = H2Client()
    for operation in [
        ("open", 1),
        ("data", 200),
        ("settings", 9),
        ("open", 2),
        ("data", 33),
        ("trailers", 0),
    ]:
        client.do(operation)
    data = client.h2.data_to_send()

    ours, _ = meaning_to_us(data, chunk)

    assert ours == meaning_to_h2(data)


@given(st.lists(st.integers(0, 70_000), min_size=1, max_size=6), st.integers(1, 20_000))
@settings(max_examples=40, deadline=None)
def test_our_client_speaks_to_an_h2_server(sizes: list[int], chunk: int) -> None:
    # GIVEN our client and an h2 server that returns credit for all it gets
    server = h2.connection.H2Connection(SERVER_CONFIG)
    server.initiate_connection()
    out = bytearray()
    client = ClientConnection(Recorder(), out.extend, Clock())
    client.start()
    answer = StreamRecorder()
    stream = client.open_stream([*REQUEST], answer)
    for index, size in enumerate(sizes):
        stream.send(b"x" * size, end=index == len(sizes) - 1)

    # WHEN their bytes cross until the request has ended
    received = 0
    ended = False
    while out or not ended:
        piece, out[:] = bytes(out), b""
        for start in range(0, len(piece), chunk):
            for event in server.receive_data(piece[start : start + chunk]):
                if isinstance(event, h2.events.DataReceived):
                    received += len(event.data)
                    server.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    ended = True
                    server.send_headers(event.stream_id, [(b":status", b"200")])
                    server.send_data(event.stream_id, b"done", end_stream=True)
        client.receive(server.data_to_send())

    # THEN every byte came, and the answer with it
    assert received == sum(sizes)
    assert answer.headers == [(b":status", b"200")]
    assert (answer.data, answer.ended) == (b"done", True)
    assert not client.streams


def test_a_header_block_beyond_the_peers_frame_size_is_continued() -> None:
    # GIVEN an h2 client, which takes frames of 16,384 bytes
    client = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=None))
    client.initiate_connection()
    client.update_settings({6: 100_000})
    client.send_headers(1, REQUEST)
    server = Server(greeted=False)
    server.receive(client.data_to_send())
    # WHEN a response's headers take several
    large = [(b":status", b"200"), (b"x-large", random.Random(1).randbytes(25_000).hex().encode())]
    theirs = server.said.streams[1].stream
    assert theirs is not None
    client.receive_data(server.take())
    theirs.send_headers(large, end=True)
    assert len(server.written) > 2 * 16_384
    # THEN they come as one
    events = client.receive_data(server.take())
    (answer,) = [event for event in events if isinstance(event, h2.events.ResponseReceived)]
    assert answer.headers == large
