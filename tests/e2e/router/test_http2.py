"""Real HTTP/2 clients before a running router: curl, h2load and httpx, with prior knowledge and by ALPN."""

import asyncio
import hashlib
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import httpx
import pytest

from tests.e2e.router.support import RunningRouter, eventually, running, self_signed


@pytest.fixture(scope="module")
def router() -> Iterator[RunningRouter]:
    with running("asgi", "--processes", "2", "--minimum", "2") as found:
        eventually(lambda: found.metric("dispatch_environments", state="serving") == 2)
        yield found


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningRouter, ssl.SSLContext]]:
    """A router with TLS on its client port, and what a client needs to trust it."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the package openssl")
    certificate, key = self_signed(tmp_path_factory.mktemp("tls"))
    environment = {"DISPATCH_CERTIFICATE": str(certificate), "DISPATCH_KEY": str(key)}
    with running("asgi", "--processes", "2", "--minimum", "2", environment=environment) as found:
        yield found, ssl.create_default_context(cafile=certificate)


def curl(router: RunningRouter, path: str, *options: str) -> bytes:
    if shutil.which("curl") is None:
        pytest.skip("needs the package curl")
    command = ["curl", "-sS", "--http2-prior-knowledge", *options, f"http://127.0.0.1:{router.port}{path}"]
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout


def test_curl_gets_asks_for_heads_and_uploads(router: RunningRouter, tmp_path: Path) -> None:
    data = random.Random(2).randbytes(2_000_000)
    (tmp_path / "data").write_bytes(data)
    assert curl(router, "/", "-w", " %{http_version} %{http_code}") == b"hello 2 200"
    head = curl(router, "/size/12345", "-I")
    assert head.startswith(b"HTTP/2 200")
    assert b"content-length: 12345" in head
    assert curl(router, "/echo", "-T", str(tmp_path / "data")) == data
    assert curl(router, "/echo", "-H", "Expect: 100-continue", "--data-binary", "@" + str(tmp_path / "data")) == data


@pytest.mark.skipif(shutil.which("h2load") is None, reason="needs the package nghttp2-client")
@pytest.mark.parametrize(("path", "count"), [("/", 5_000), ("/size/100000", 300)])
def test_h2load_gets_every_answer(router: RunningRouter, path: str, count: int) -> None:
    command = ["h2load", f"-n{count}", "-c4", "-m25", f"http://127.0.0.1:{router.port}{path}"]
    got = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert f"{count} succeeded, 0 failed, 0 errored, 0 timeout" in got
    assert re.search(rf"status codes: {count} 2xx", got)
    assert router.metric("dispatch_channels_busy") == 0


def test_random_bodies_come_back_byte_for_byte_on_one_connection(
    secure: tuple[RunningRouter, ssl.SSLContext],
) -> None:
    # GIVEN 200 bodies, and one connection whose protocol ALPN has chosen
    router, trust = secure
    rng = random.Random(5)
    bodies = [rng.randbytes(int(10 ** rng.uniform(0, 5.5))) for _ in range(200)]

    async def one(client: httpx.AsyncClient, body: bytes) -> str:
        response = await client.post("/echo", content=body)
        assert (response.status_code, response.http_version) == (200, "HTTP/2")
        return hashlib.sha256(response.content).hexdigest()

    async def all_at_once() -> list[str]:
        limits = httpx.Limits(max_connections=1)
        base = f"https://localhost:{router.port}"
        async with httpx.AsyncClient(http2=True, verify=trust, base_url=base, limits=limits, timeout=60) as client:
            return await asyncio.gather(*(one(client, body) for body in bodies))

    # WHEN all are echoed at the same time
    got = asyncio.run(all_at_once())
    # THEN each came back as it was
    assert got == [hashlib.sha256(body).hexdigest() for body in bodies]
    eventually(lambda: router.metric("dispatch_channels_busy") == 0)


def test_the_tls_port_speaks_both_versions_and_says_that_it_is_secure(
    secure: tuple[RunningRouter, ssl.SSLContext],
) -> None:
    router, trust = secure
    for http2, version in ((True, "HTTP/2"), (False, "HTTP/1.1")):
        with httpx.Client(http2=http2, verify=trust, base_url=f"https://localhost:{router.port}") as client:
            response = client.get("/fields")
            assert response.http_version == version
            assert "x-forwarded-proto: https" in response.text


class Http2Socket:
    """A client that gives streams up as browsers do; httpx only stops reading them."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.link = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.link.initiate_connection()

    def get(self, path: str, least: int) -> tuple[int, bytes]:
        """Ask, and read until the end or until this much has come; the stream, and what came."""
        stream = self.link.get_next_available_stream_id()
        fields = [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", path)]
        self.link.send_headers(stream, fields, end_stream=True)
        body = b""
        while True:
            self.socket.sendall(self.link.data_to_send())
            for event in self.link.receive_data(self.socket.recv(65_536)):
                if isinstance(event, h2.events.DataReceived):
                    self.link.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    if event.stream_id == stream:
                        body += event.data
                elif isinstance(event, h2.events.StreamEnded) and event.stream_id == stream:
                    return stream, body
            if len(body) >= least:
                return stream, body


def test_a_stream_that_is_given_up_frees_its_channel_and_its_connection_goes_on(router: RunningRouter) -> None:
    client = Http2Socket(router.port)
    for _ in range(30):
        stream, _ = client.get("/size/20000000", 100_000)
        client.link.reset_stream(stream, 8)
    assert client.get("/", 5)[1] == b"hello"
    eventually(lambda: router.metric("dispatch_channels_busy") == 0)
    assert router.metric("dispatch_channels_free") == 20
    client.socket.close()


def test_fields_arrive_as_they_should(router: RunningRouter) -> None:
    with httpx.Client(http1=False, http2=True, base_url=f"http://127.0.0.1:{router.port}") as client:
        text = client.get("/fields", headers={"X-Large": "y" * 40_000, "Cookie": "a=b"}).text
    assert "x-large: " + "y" * 40_000 in text
    assert f"host: 127.0.0.1:{router.port}" in text


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs the package curl")
def test_sigterm_finishes_what_runs_and_exits_0() -> None:
    # httpx would not do: it gives up its open streams at a GOAWAY
    with running("asgi") as router:
        assert curl(router, "/") == b"hello"
        command = ["curl", "-sS", "--http2-prior-knowledge", f"http://127.0.0.1:{router.port}/slow/1"]
        slow = subprocess.Popen(command, stdout=subprocess.PIPE)
        eventually(lambda: router.metric("dispatch_channels_busy") == 1)
        router.process.send_signal(signal.SIGTERM)
        assert slow.communicate(timeout=20)[0] == b"slept"
        assert router.process.wait(20) == 0
