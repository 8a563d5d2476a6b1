"""HTTP/2 clients that people use, against the control port's codec as their server."""

import random
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.router.clients import CLIENTS, Client
from tests.e2e.router.wire_echo import EchoServer

PART = 50_000


@pytest.fixture
def server() -> Iterator[str]:
    """The echo's URL; whatever its codec had to complain of fails the test."""
    with EchoServer() as echo:
        yield f"http://127.0.0.1:{echo.port}/"
    assert echo.failures == []


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> Client:
    return CLIENTS[request.param](http2=True)


def test_more_than_every_window_is_echoed(server: str, client: Client) -> None:
    """GIVEN 8 MB, more than any window of either side WHEN echoed THEN they are as they were."""
    whole = random.Random(5).randbytes(8_000_000)
    assert client.send(server, (whole[at : at + PART] for at in range(0, len(whole), PART))) == whole


def test_bodies_at_the_edges_are_echoed(server: str, client: Client) -> None:
    """GIVEN bodies of none, one, and around a frame's and a window's size WHEN echoed THEN each is as it was."""
    for size in (0, 1, 16_383, 16_384, 16_385, 65_535, 65_536, 65_537):
        whole = b"x" * size
        assert client.send(server, iter([whole] if whole else [])) == whole


def test_a_get_without_a_body_is_answered(server: str, client: Client) -> None:
    """GIVEN a request that ends with its head WHEN asked THEN the answer does too."""
    assert list(client.stream(server)) == []


def test_many_at_once_do_not_mix(server: str, client: Client) -> None:
    """GIVEN 24 bodies of their own WHEN echoed at the same time THEN each comes back to its own."""
    bodies = [bytes([number]) * (1 + number * 7_919) for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda body: client.send(server, iter([body])), bodies))
    assert got == bodies


@pytest.mark.skipif(shutil.which("h2load") is None, reason="needs h2load (Debian package nghttp2-client)")
def test_h2load_multiplexes(server: str, tmp_path: Path) -> None:
    """GIVEN 2,000 requests with 10 KB each, 20 at a time on each of 4 connections WHEN sent THEN all succeed."""
    (tmp_path / "body").write_bytes(b"y" * 10_000)
    command = ["h2load", "-n2000", "-c4", "-m20", "-d", str(tmp_path / "body"), server]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert "2000 succeeded, 0 failed, 0 errored, 0 timeout" in done.stdout
    assert "status codes: 2000 2xx" in done.stdout
    assert "(20000000) data" in done.stdout


@pytest.mark.skipif(shutil.which("nghttp") is None, reason="needs nghttp (Debian package nghttp2-client)")
def test_nghttp_uploads_with_its_smallest_windows(server: str, tmp_path: Path) -> None:
    """GIVEN a client whose windows are of 2^10-1 bytes WHEN it has 300 KB echoed THEN all of them come, window by
    window."""
    whole = random.Random(9).randbytes(300_000)
    (tmp_path / "body").write_bytes(whole)
    command = ["nghttp", "-w10", "-W10", "-d", str(tmp_path / "body"), server]
    assert subprocess.run(command, capture_output=True, check=True, timeout=60).stdout == whole
