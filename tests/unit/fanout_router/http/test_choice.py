"""A connection's first bytes choose its version of HTTP, however they are cut."""

import asyncio
from typing import cast

import pytest

from fanout_router.http import ChoosingProtocol, ClientProtocol, FrontLimits, Http2Protocol
from fanout_router.wire import frames
from tests.unit.fanout_router.http.h2_support import FakeLoop
from tests.unit.fanout_router.http.support import FakeTransport, FrontRig, respond

GREETING = frames.PREFACE + frames.settings([])


class SwitchingTransport(FakeTransport):
    """Knows which protocol it serves."""

    protocol: asyncio.BaseProtocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol


def connect(rig: FrontRig) -> tuple[SwitchingTransport, FakeLoop]:
    transport, loop = SwitchingTransport(), FakeLoop()
    transport.protocol = ChoosingProtocol(rig.front, "http", cast("asyncio.AbstractEventLoop", loop))
    transport.protocol.connection_made(transport)
    return transport, loop


def feed(transport: SwitchingTransport, data: bytes, chunk: int) -> None:
    for start in range(0, len(data), chunk):
        cast("asyncio.Protocol", transport.protocol).data_received(data[start : start + chunk])


@pytest.mark.parametrize("chunk", [1, 2, 3, 4, 5, 24, 1_000])
def test_the_preface_chooses_http2(chunk: int) -> None:
    rig = FrontRig()
    transport, loop = connect(rig)
    feed(transport, GREETING, chunk)
    loop.turn()
    assert isinstance(transport.protocol, Http2Protocol)
    assert bytes(transport.written).endswith(frames.SETTINGS_ACK)
    assert rig.front.connections == {transport.protocol}


@pytest.mark.parametrize("chunk", [1, 3, 1_000])
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "PROPFIND", "P"])
def test_anything_else_is_http11(method: str, chunk: int) -> None:
    rig = FrontRig()
    transport, _ = connect(rig)
    feed(transport, f"{method} / HTTP/1.1\r\nHost: a\r\n\r\n".encode(), chunk)
    assert isinstance(transport.protocol, ClientProtocol)
    if method != "P":
        respond(rig.peer(), body=b"ok")
        assert transport.written.startswith(b"HTTP/1.1 200 OK")
    else:
        assert transport.written.startswith(b"HTTP/1.1 400")


def test_a_preface_that_is_none_ends_the_connection() -> None:
    rig = FrontRig()
    transport, _ = connect(rig)
    feed(transport, b"PRI * HTTP/1.1\r\nHost: a\r\n\r\n", 1_000)
    assert transport.state == "closed"


def test_a_connection_that_says_nothing_is_closed_and_one_that_leaves_forgotten() -> None:
    rig = FrontRig(limits=FrontLimits(idle_timeout=5))
    silent, _ = connect(rig)
    half, _ = connect(rig)
    feed(half, b"PR", 1)
    gone, _ = connect(rig)
    cast("asyncio.Protocol", gone.protocol).connection_lost(None)
    rig.wait(6)
    assert (silent.state, half.state) == ("closed", "closed")


def test_connections_above_the_limit_are_turned_away() -> None:
    rig = FrontRig(limits=FrontLimits(connections=1))
    connect(rig)
    transport, _ = connect(rig)
    assert transport.written.startswith(b"HTTP/1.1 503")
    feed(transport, GREETING, 100)
    assert transport.state == "closed"
