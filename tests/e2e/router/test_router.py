"""The router as a user runs it: a process, real sockets, real environments."""

import asyncio
import hashlib
import http.client
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import h2.connection
import h2.events
import pytest

from tests.e2e.router.support import RunningRouter, eventually, exchange, running, self_signed

PATIENT = {f"DISPATCH_{name}_TIMEOUT_S": "240" for name in ("HEAD", "BODY")}
"""A thousand requests at once take minutes where others use the machine."""


@pytest.fixture(scope="module")
def router() -> Iterator[RunningRouter]:
    with running("asgi", "--processes", "2", "--minimum", "2", environment=PATIENT) as found:
        eventually(lambda: found.metric("dispatch_environments", state="serving") == 2)
        yield found


def test_it_serves(router: RunningRouter) -> None:
    assert router.request("/") == (200, b"hello")
    assert router.request("/nowhere") == (404, b"no")
    assert router.request("/stream/100")[1] == b"".join(b"%d\n" % number for number in range(100))


def test_an_app_that_crashes_costs_its_own_request_alone(router: RunningRouter) -> None:
    assert router.request("/crash")[0] == 500
    with pytest.raises(Exception, match="IncompleteRead"):
        router.request("/crash-late")
    assert router.request("/") == (200, b"hello")
    assert router.metric("dispatch_environments", state="serving") == 2


def test_health_is_on_its_own_port_and_shadows_nothing(router: RunningRouter) -> None:
    for path, expected in (("/healthz", 200), ("/readyz", 200), ("/metrics", 200)):
        with urllib.request.urlopen(f"http://127.0.0.1:{router.admin}{path}", timeout=10) as response:
            assert response.status == expected
        assert router.request(path)[0] == 404
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"http://127.0.0.1:{router.admin}/", timeout=10)


def test_a_thousand_concurrent_random_bodies_come_back_byte_for_byte(router: RunningRouter) -> None:
    # GIVEN 1,000 bodies of random sizes and bytes, half of them chunked
    rng = random.Random(7)
    bodies = [rng.randbytes(int(10 ** rng.uniform(0, 5.3))) for _ in range(1_000)]

    async def one(number: int, body: bytes) -> str:
        chunked = number % 2 == 1
        framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
        head = f"POST /echo HTTP/1.1\r\nHost: a\r\n{framing}"
        status = 503
        while status == 503:  # it has waited for 30 s, as it may where others use the machine
            status, _, got = await exchange(router.port, head, body, chunk=rng.randrange(1, 20_000) if chunked else 0)
        assert status == 200, (number, got[:200])
        return hashlib.sha256(got).hexdigest()

    async def all_at_once() -> list[str]:
        return await asyncio.gather(*(one(number, body) for number, body in enumerate(bodies)))

    # WHEN all are echoed at the same time, over 20 channels
    got = asyncio.run(all_at_once())
    # THEN each came back as it was
    assert got == [hashlib.sha256(body).hexdigest() for body in bodies]


def test_a_hundred_gets_and_posts_of_10_kb_on_one_connection(router: RunningRouter) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", router.port, timeout=30)
    for number in range(100):
        connection.request("GET", f"/?n={number}")
        assert connection.getresponse().read() == b"hello"
        body = b"%d " % number * 2_500
        connection.request("POST", "/echo", body)
        assert connection.getresponse().read() == body
    connection.close()


def test_heads_of_124_kb_pass_when_the_limit_allows() -> None:
    with running("asgi", environment={"DISPATCH_MAX_HEAD_BYTES": "200000"}) as router:
        connection = http.client.HTTPConnection("127.0.0.1", router.port, timeout=30)
        many = {f"x-{number}": "y" * 1_200 for number in range(100)}
        connection.request("GET", "/fields", headers={**many, "x-one": "z" * 62_000})
        body = connection.getresponse().read()
        assert body.count(b"y" * 1_200) == 100
        assert b"x-one: " + b"z" * 62_000 in body
        connection.close()


def test_a_large_upload_and_download(router: RunningRouter) -> None:
    body = random.Random(1).randbytes(10_000_000)
    assert router.request("/hash", "POST", body)[1] == hashlib.sha256(body).hexdigest().encode()
    assert router.request("/size/10000000")[1] == b"x" * 10_000_000


def test_a_reader_that_stands_still_costs_no_memory(router: RunningRouter) -> None:
    # GIVEN a client that asks for 256 MB and reads none of it
    before = router.memory_mb()
    with socket.create_connection(("127.0.0.1", router.port)) as client:
        client.sendall(b"GET /size/256000000 HTTP/1.1\r\nHost: a\r\n\r\n")
        # WHEN others are served meanwhile
        for _ in range(50):
            assert router.request("/") == (200, b"hello")
        # THEN the router holds little of it
        assert router.memory_mb() - before < 20
        assert client.recv(15) == b"HTTP/1.1 200 OK"


def test_aborted_requests_free_their_channels(router: RunningRouter) -> None:
    for _ in range(60):
        with socket.create_connection(("127.0.0.1", router.port)) as client:
            client.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000)
    eventually(lambda: router.metric("dispatch_channels_busy") == 0)
    assert router.metric("dispatch_channels_free") == 20
    assert router.request("/") == (200, b"hello")


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs the package curl")
def test_curl_uploads_with_expect_and_downloads(router: RunningRouter, tmp_path: Path) -> None:
    data = random.Random(2).randbytes(2_000_000)
    (tmp_path / "data").write_bytes(data)
    command = ["curl", "-sS", "-H", "Expect: 100-continue", "-T", str(tmp_path / "data")]
    got = subprocess.run([*command, f"http://127.0.0.1:{router.port}/echo"], capture_output=True, check=True)
    assert got.stdout == data
    pair = [f"http://127.0.0.1:{router.port}/size/{size}" for size in (5, 7)]
    got = subprocess.run(["curl", "-sS", "-I", "-I", *pair], capture_output=True, check=True)
    assert got.stdout.count(b"content-length: 5") == got.stdout.count(b"content-length: 7") == 1


def test_wsgi_apps_are_served() -> None:
    with running("wsgi") as router:
        assert router.request("/a%20b?x=1", "POST", b"body") == (200, b"POST /a b x=1 body")
        assert router.stop() == 0


def test_killed_environments_cost_no_idempotent_request() -> None:
    # GIVEN four clients that ask without a pause, and two environments
    with running("asgi", "--processes", "2", "--minimum", "2") as router:
        eventually(lambda: router.metric("dispatch_environments", state="serving") == 2)
        asked: list[int] = []

        async def client(until: float) -> None:
            while asyncio.get_running_loop().time() < until:
                try:
                    status, _, body = await asyncio.wait_for(
                        exchange(router.port, "GET /slow/0.01 HTTP/1.1\r\nHost: a"), 20
                    )
                except TimeoutError:
                    status, body = -1, b""
                assert status != 200 or body == b"slept"
                asked.append(status)

        async def killer() -> None:
            for _ in range(4):
                await asyncio.sleep(0.8)
                running_now = router.adapters()
                if len(running_now) > 1:
                    os.kill(running_now[0], signal.SIGKILL)

        # WHEN environments are killed one after the other
        async def both() -> None:
            until = asyncio.get_running_loop().time() + 5
            await asyncio.gather(killer(), *(client(until) for _ in range(4)))

        asyncio.run(both())
        # THEN every request was answered, none hung, and new environments came
        assert len(asked) > 50
        assert set(asked) == {200}
        assert router.metric("dispatch_invokes") >= 4


def test_a_post_whose_environment_dies_fails_clearly_and_runs_once(tmp_path: Path) -> None:
    with running("asgi") as router:
        status, body = router.request("/die", "POST", b"x")
        assert status == 502
        assert b"request_id" in body
        assert router.request("/") == (200, b"hello")
        assert router.metric("dispatch_retried") == 0


def test_sigterm_finishes_what_runs_and_exits_0() -> None:
    with running("asgi") as router:
        assert router.request("/") == (200, b"hello")

        async def slow_then_stop() -> tuple[int, bytes]:
            slow = asyncio.create_task(exchange(router.port, "GET /slow/1 HTTP/1.1\r\nHost: a"))
            await asyncio.sleep(0.3)
            router.process.send_signal(signal.SIGTERM)
            status, fields, body = await slow
            assert fields["connection"] == "close"
            return status, body

        assert asyncio.run(slow_then_stop()) == (200, b"slept")
        assert router.process.wait(20) == 0


def test_ctrl_c_in_a_terminal_finishes_what_runs() -> None:
    """GIVEN a request under way that nobody may repeat WHEN the terminal sends SIGINT to the router's whole process
    group THEN the environment does not take it for itself: the request is answered, and the router exits with 0."""
    with running("asgi") as router:
        assert router.request("/") == (200, b"hello")

        async def slow_then_stop() -> tuple[int, dict[str, str], bytes]:
            slow = asyncio.create_task(exchange(router.port, "POST /slow/1 HTTP/1.1\r\nHost: a"))
            await asyncio.sleep(0.3)
            os.killpg(router.process.pid, signal.SIGINT)
            return await slow

        status, _, body = asyncio.run(slow_then_stop())
        assert (status, body) == (200, b"slept")
        assert router.process.wait(20) == 0


def test_a_killed_router_takes_its_environments_with_it() -> None:
    with running("asgi", "--minimum", "2") as router:
        eventually(lambda: router.metric("dispatch_environments", state="serving") == 2)
        adapters = router.adapters()
        router.process.kill()
        router.process.wait(10)
        eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in adapters), 20)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the package openssl")
def test_the_control_channel_over_pinned_tls_admits_no_stranger(tmp_path: Path) -> None:
    # GIVEN a control port with TLS
    certificate, key = self_signed(tmp_path)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        control = probe.getsockname()[1]
    environment = {
        "DISPATCH_CONTROL_CERTIFICATE": str(certificate),
        "DISPATCH_CONTROL_KEY": str(key),
        "DISPATCH_CONTROL_ADDRESS": f"https://127.0.0.1:{control}",
    }
    with running("asgi", "--control-port", str(control), environment=environment) as router:
        # THEN it serves
        assert router.request("/") == (200, b"hello")
        # AND a stranger without the secret is refused
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        with (
            socket.create_connection(("127.0.0.1", control)) as plain,
            context.wrap_socket(plain) as stranger,
        ):
            client = h2.connection.H2Connection()
            client.initiate_connection()
            fields = [(":method", "POST"), (":scheme", "https"), (":authority", "a")]
            fields += [
                (":path", "/dispatch/v1/channel"),
                ("dispatch-environment", "app.x"),
                ("authorization", "Bearer x"),
            ]
            client.send_headers(1, fields)
            stranger.sendall(client.data_to_send())
            seen: list[h2.events.Event] = []
            while not any(isinstance(event, h2.events.StreamEnded) for event in seen):
                seen += client.receive_data(stranger.recv(65_536))
        (answer,) = (event for event in seen if isinstance(event, h2.events.ResponseReceived))
        assert dict(answer.headers or [])[b":status"] == b"401"
        assert router.metric("dispatch_control_refused") == 1
        assert router.request("/") == (200, b"hello")


CLIENTS = {
    "curl": ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--http2-prior-knowledge", "-X", "POST"],
    "nghttp": ["nghttp", "-v", "-n"],
    "h2load": ["h2load", "-n2", "-c1"],
}


@pytest.mark.parametrize("name", CLIENTS)
def test_real_http2_clients_understand_the_control_port_and_get_nothing(name: str) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"needs {name} (Debian packages curl, nghttp2-client)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        control = probe.getsockname()[1]
    with running("asgi", "--control-port", str(control)) as router:
        assert router.request("/") == (200, b"hello")
        url = f"http://127.0.0.1:{control}/dispatch/v1/channel"
        got = subprocess.run([*CLIENTS[name], url], capture_output=True, text=True, timeout=20, check=False)
        if name == "curl":
            assert got.stdout in ("401", "404")
        elif name == "nghttp":
            assert ":status: 404" in got.stdout
        else:
            assert "2 4xx" in got.stdout
        assert router.metric("dispatch_control_wire_errors") == 0
        assert router.request("/") == (200, b"hello")
