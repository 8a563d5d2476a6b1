"""A router in a process of its own, and small HTTP/1.1 clients on plain sockets."""

import asyncio
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
APPS = "tests.e2e.router.apps"


@dataclass
class RunningRouter:
    """A router's process and ports."""

    process: subprocess.Popen[str]
    port: int
    admin: int

    def request(
        self, path: str, method: str = "GET", body: bytes | None = None, timeout: float = 30
    ) -> tuple[int, bytes]:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric over all its samples that have these labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/metrics", timeout=10) as response:
            text = response.read().decode()
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        lines = [line for line in text.splitlines() if re.match(rf"{name}(_total)?[ {{]", line)]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if all(label in line for label in wanted))

    def adapters(self) -> list[int]:
        """Process ids of the environments."""
        found = subprocess.run(
            ["ps", "-o", "pid=,args=", "--ppid", str(self.process.pid)],
            capture_output=True,
            text=True,
            check=False,
        )
        return [int(line.split()[0]) for line in found.stdout.splitlines() if "fanout_router.adapter" in line]

    def memory_mb(self) -> float:
        """Resident memory of the router."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)


@contextmanager
def running(
    app: str = "asgi",
    *options: str,
    environment: dict[str, str] | None = None,
    stdout: Path | None = None,
    stderr: Path | None = None,
) -> Iterator[RunningRouter]:
    """A router that serves one of the test apps, or ``module:app``, from local processes; what it prints may go to
    files.
    """
    command = [
        sys.executable,
        "-m",
        "fanout_router",
        "run",
        app if ":" in app else f"{APPS}:{app}",
        "--port",
        "0",
        "--admin-port",
        "0",
        *options,
    ]
    paths = os.pathsep.join([str(ROOT), str(ROOT / "router"), str(ROOT / "shared")])
    files = ExitStack()
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE if stdout is None else files.enter_context(stdout.open("w")),
        stderr=None if stderr is None else files.enter_context(stderr.open("w")),
        text=True,
        cwd=ROOT,
        start_new_session=True,  # a process group, as a terminal gives it one
        env={**os.environ, "PYTHONPATH": paths, **(environment or {})},
    )
    try:
        line = process.stdout.readline() if process.stdout is not None else _first_line(stdout or Path())
        client, admin = re.findall(r":(\d+)", line)
        yield RunningRouter(process, int(client), int(admin))
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
        files.close()


def _first_line(path: Path) -> str:
    eventually(lambda: "\n" in path.read_text())
    return path.read_text().partition("\n")[0]


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate for localhost and its key, made by openssl."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


def eventually(check: Callable[[], bool], within_s: float = 20) -> None:
    """Wait until something is so; fail when it is not so in time."""
    until = time.monotonic() + within_s
    while not check():
        assert time.monotonic() < until, "it never came to be so"
        time.sleep(0.05)


async def exchange(port: int, head: str, body: bytes = b"", *, chunk: int = 0) -> tuple[int, dict[str, str], bytes]:
    """One request over asyncio; the body is sent while the response is read. Status 0: the connection was
    cut.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(head.encode() + b"\r\n\r\n")
        sending = asyncio.create_task(_send(writer, body, chunk))
        try:
            return await _read(reader)
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):
            return 0, {}, b""
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
    finally:
        await _close(writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    """Before the loop ends, which would leave the socket open; what is not sent yet nobody wants any more."""
    if writer.transport.get_write_buffer_size():
        writer.transport.abort()
    else:
        writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def _send(writer: asyncio.StreamWriter, body: bytes, chunk: int) -> None:
    if not chunk:
        writer.write(body)
        await writer.drain()
        return
    for start in range(0, len(body), chunk):
        piece = body[start : start + chunk]
        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        await writer.drain()
    writer.write(b"0\r\n\r\n")


async def _read(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    fields = {k.lower(): v for k, v in (line.split(": ", 1) for line in head[1:] if line)}
    if "content-length" in fields:
        return int(head[0].split()[1]), fields, await reader.readexactly(int(fields["content-length"]))
    body = bytearray()
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    return int(head[0].split()[1]), fields, bytes(body)


def parsed(body: bytes) -> object:
    """JSON."""
    return json.loads(body)
