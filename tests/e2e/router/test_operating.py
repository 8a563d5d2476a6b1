"""The router as an operator meets it: wrong options, signals, logs, and what apps print."""

import asyncio
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.router.support import ROOT, eventually, exchange, running, self_signed

PATHS = os.pathsep.join([str(ROOT), str(ROOT / "router"), str(ROOT / "shared")])


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A router that is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "fanout_router", *arguments],
        capture_output=True, text=True, timeout=50, check=False, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": PATHS, **environment},
    )  # fmt: skip


def test_version() -> None:
    assert command("--version").stdout.startswith("fanout-router ")


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["run", "a:b", "--port", "70000"], {}, "--port: 70000: "),
        (["run", "a:b", "--processes", "0"], {}, "--processes: 0: "),
        (["serve"], {"DISPATCH_FUNCTIONS": "[{bad"}, "DISPATCH_FUNCTIONS: '[{bad' is no JSON"),
        (["serve"], {"DISPATCH_MAX_BODY": "1"}, "DISPATCH_MAX_BODY: there is no such option"),
        (["serve"], {}, "DISPATCH_FUNCTIONS: at least one function is needed"),
    ],
)
def test_a_wrong_option_is_one_line(arguments: list[str], environment: dict[str, str], said: str) -> None:
    ended = command(*arguments, **environment)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"fanout-router: {said}")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("app", "processes", "said"),
    [
        ("no_such_module:app", "1", "No module named 'no_such_module'"),
        ("json:no", "1", "no"),
        ("no_such_module:app", "2", "No module named 'no_such_module'"),
    ],
)
def test_an_app_that_cannot_be_loaded_ends_the_router_with_its_traceback(app: str, processes: str, said: str) -> None:
    ended = command("run", app, "--port", "0", "--admin-port", "0", DISPATCH_PROCESSES=processes)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "fanout-router: the app cannot be loaded" in ended.stderr


def test_what_an_app_prints_is_shown_and_not_kept(tmp_path: Path) -> None:
    """GIVEN an app that prints a megabyte WHEN it is asked 60 times THEN each line is prefixed, and memory flat."""
    log = tmp_path / "log"
    with running("printing", "--processes", "1", "--minimum", "1", stderr=log) as router:
        router.request("/")
        before = router.memory_mb()
        for _ in range(60):
            assert router.request("/")[0] == 200
        assert router.memory_mb() < before + 15
        assert router.stop() == 0
    lines = log.read_text().splitlines()
    assert sum("printed" in line for line in lines) == 61
    assert all(line.startswith("[app.") for line in lines if line)


def test_a_second_signal_stops_at_once() -> None:
    with running() as router, socket.create_connection(("127.0.0.1", router.port)) as client:
        client.sendall(b"GET /events/a HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.recv(1_000).startswith(b"HTTP/1.1 200")
        router.process.send_signal(signal.SIGINT)
        eventually(lambda: not _ready(router.port))
        assert router.process.poll() is None
        started = time.monotonic()
        router.process.send_signal(signal.SIGINT)
        assert router.process.wait(10) == 130
        assert time.monotonic() - started < 5


def _ready(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def test_a_hangup_reads_the_certificate_anew_and_drops_no_request(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        self_signed(tmp_path / name)
    for name in ("cert.pem", "key.pem"):
        shutil.copy(tmp_path / "old" / name, tmp_path / name)
    tls = {"DISPATCH_CERTIFICATE": str(tmp_path / "cert.pem"), "DISPATCH_KEY": str(tmp_path / "key.pem")}
    with running("asgi", environment=tls) as router:
        assert _certificate(router.port) == _der(tmp_path / "old/cert.pem")
        slow = subprocess.Popen(
            ["curl", "-sk", f"https://127.0.0.1:{router.port}/slow/1.5"], stdout=subprocess.PIPE, text=True
        )
        eventually(lambda: router.metric("dispatch_channels_busy") == 1)
        for name in ("cert.pem", "key.pem"):
            shutil.copy(tmp_path / "new" / name, tmp_path / name)
        router.process.send_signal(signal.SIGHUP)
        eventually(lambda: _certificate(router.port) == _der(tmp_path / "new/cert.pem"))
        assert slow.communicate(timeout=20)[0] == "slept"
        (tmp_path / "cert.pem").write_text("no certificate")
        router.process.send_signal(signal.SIGHUP)
        assert _certificate(router.port) == _der(tmp_path / "new/cert.pem")
        assert router.stop() == 0


def _certificate(port: int) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port)) as plain, context.wrap_socket(plain) as secure:
        return secure.getpeercert(binary_form=True) or b""


def _der(path: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(path.read_text())


def test_the_access_log_in_a_file_is_whole_at_once(tmp_path: Path) -> None:
    log = tmp_path / "access"
    with running("asgi", "--access-log", "--processes", "1", stdout=log) as router:
        assert router.request("/")[0] == 200
        with socket.create_connection(("127.0.0.1", router.port)) as client:
            client.sendall(b"GET /slow/20 HTTP/1.1\r\nHost: a\r\n\r\n")
            eventually(lambda: router.metric("dispatch_channels_busy") == 1)
        asyncio.run(exchange(router.port, "BAD"))

        def outcomes() -> list[str]:
            return [json.loads(line)["outcome"] for line in log.read_text().splitlines() if line.startswith("{")]

        eventually(lambda: sorted(outcomes()) == ["answered", "departed", "refused"])
        assert router.stop() == 0
